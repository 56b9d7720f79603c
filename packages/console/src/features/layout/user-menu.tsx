import { Avatar, Menu, Text, UnstyledButton } from '@mantine/core';
import { IconLogout, IconUser } from '@tabler/icons-react';
import { forgetCredential, isSignedOn } from '../../api/credential.ts';
import { useSession } from '../../api/session.ts';
import { tellFailed } from '../../components/tell.ts';

async function signOut(): Promise<void> {
  if (!isSignedOn()) return forgetCredential();
  const { signOff } = await import('../../api/sign-on.ts');
  await signOff();
}

const kinds = { management_token: 'Management token', api_key: 'API key', user: 'Signed in' } as const;

export function UserMenu() {
  const session = useSession();
  return (
    <Menu position="bottom-end" width={240} withArrow>
      <Menu.Target>
        <UnstyledButton aria-label={`Signed in as ${session.name}`}>
          <Avatar color="brand" radius="xl" size={34}>
            <IconUser size={18} aria-hidden />
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} truncate>
            {session.name}
          </Text>
          <Text size="xs">
            {kinds[session.kind]} · role {session.role}
          </Text>
          {session.apps && (
            <Text size="xs">{session.apps.length === 0 ? 'no app' : session.apps.join(', ')}</Text>
          )}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut().catch(tellFailed)}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
