import { describe, expect, it } from 'vitest';
import { isPermitted, permissions, type Role, roles, seesApp } from './access.ts';

const permittedTo = (role: Role, apps: ReadonlySet<string> | null = null) =>
  permissions.filter((permission) => isPermitted({ role, apps }, permission));

describe('roles', () => {
  it('each may do all that the one before it may, and more', () => {
    for (const [index, role] of roles.entries()) {
      const before = roles[index - 1];
      if (before === undefined) continue;
      expect(permittedTo(role)).toEqual(expect.arrayContaining(permittedTo(before)));
      expect(permittedTo(role).length).toBeGreaterThan(permittedTo(before).length);
    }
  });

  it('the first only reads', () => {
    for (const permission of permittedTo('read')) expect(permission).toMatch(/\.read$/);
    expect(permittedTo('read')).not.toContain('audit.read');
  });

  it('the last may do everything', () => {
    expect(permittedTo('admin')).toEqual(permissions);
  });

  it.each([
    ['upload', 'bundles.upload', true],
    ['upload', 'bundles.delete', false],
    ['upload', 'channels.deploy', false],
    ['write', 'channels.deploy', true],
    ['write', 'apps.delete', false],
    ['write', 'keys.manage', false],
  ] as const)('%s, %s: %s', (role, permission, expected) => {
    expect(isPermitted({ role, apps: null }, permission)).toBe(expected);
  });
});

describe('a caller of some apps', () => {
  const apps = new Set(['com.example.a']);

  it('sees no other app', () => {
    expect(seesApp({ apps }, 'com.example.a')).toBe(true);
    expect(seesApp({ apps }, 'com.example.b')).toBe(false);
    expect(seesApp({ apps }, 'com.example')).toBe(false);
    expect(seesApp({ apps: new Set() }, 'com.example.a')).toBe(false);
    expect(seesApp({ apps: null }, 'com.example.b')).toBe(true);
  });

  it('has no say in what concerns everybody, whatever its role', () => {
    const denied = permissions.filter((permission) => !isPermitted({ role: 'admin', apps }, permission));
    expect(denied.toSorted()).toEqual([
      'audit.read',
      'keys.manage',
      'members.change',
      'members.read',
      'organization.change',
      'webhooks.manage',
    ]);
  });
});
