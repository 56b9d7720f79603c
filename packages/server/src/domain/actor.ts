import type { Caller } from './access.ts';

/** Who changes something: a caller of the management API, a device about itself, or the server on its own. */
export interface Actor {
  readonly kind: Caller['kind'] | 'device' | 'system';
  /** Names the actor for ever and is no secret. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** Of a person, when it is known. */
  readonly email: string | null;
}

/** Who changes something, and when; every method of a store that changes what operators see is told. */
export interface ChangedBy {
  readonly actor: Actor;
  readonly atMs: number;
}

export function actorOf({ kind, id, name, email }: Caller): Actor {
  return { kind, id, name, email: email ?? null };
}

/** Who it was, as the history of what was served names it for people. */
export function labelOf({ kind, id, name }: Pick<Actor, 'kind' | 'id' | 'name'>): string {
  return kind === 'api_key' ? `API key ${id} (${name})` : name;
}

/** @param name what of the server it is, such as `auto-pause` */
export function systemActor(name: string): Actor {
  return { kind: 'system', id: name, name, email: null };
}

export function deviceActor(deviceId: string): Actor {
  return { kind: 'device', id: deviceId, name: `device ${deviceId}`, email: null };
}
