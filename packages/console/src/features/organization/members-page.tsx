import type { RestMember } from '@capgo-server/protocol/management/rest-organizations';
import { Alert, Badge, Button, Group, List, Modal, Paper, Table, Text, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconInfoCircle, IconPlus, IconUsers } from '@tabler/icons-react';
import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { membersQuery, removeMember } from '../../api/organizations.ts';
import { sessionQuery, useCan, useSession } from '../../api/session.ts';
import { signOnConfigQuery } from '../../api/sign-on-config.ts';
import { Confirm } from '../../components/confirm.tsx';
import { OrganizationPicker, useOrganization } from '../../components/organization-choice.tsx';
import { Page } from '../../components/page.tsx';
import { ScrollTable } from '../../components/scroll-table.tsx';
import { Failure, LoadingRows, Nothing } from '../../components/states.tsx';
import { tellDone } from '../../components/tell.ts';
import { MemberForm } from './member-form.tsx';
import { givableRoles, isSelf, roleName } from './member-roles.ts';

const roleColors: Readonly<Record<string, string>> = {
  read: 'gray',
  upload: 'blue',
  write: 'orange',
  admin: 'red',
  super_admin: 'red',
};

function MemberRow({
  member,
  mayChange,
  mayRemove,
  onChange,
  onRemove,
}: {
  readonly member: RestMember;
  readonly mayChange: boolean;
  readonly mayRemove: boolean;
  readonly onChange: () => void;
  readonly onRemove: () => void;
}) {
  return (
    <Table.Tr>
      <Table.Td>
        <Text fw={600} size="sm" style={{ overflowWrap: 'anywhere' }}>
          {member.email}
        </Text>
      </Table.Td>
      <Table.Td>
        <Badge variant="light" color={roleColors[member.role] ?? 'gray'} tt="none">
          {roleName(member.role)}
        </Badge>
      </Table.Td>
      <Table.Td>{member.is_tmp ? 'not yet' : 'yes'}</Table.Td>
      <Table.Td>
        <Group gap="xs" justify="flex-end" wrap="nowrap">
          {mayChange && (
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Change role of ${member.email}`}
              onClick={onChange}
            >
              Change role
            </Button>
          )}
          {mayRemove && (
            <Button
              size="compact-sm"
              variant="light"
              color="red"
              aria-label={`Remove ${member.email}`}
              onClick={onRemove}
            >
              Remove
            </Button>
          )}
        </Group>
      </Table.Td>
    </Table.Tr>
  );
}

/** People cannot come in where there is no sign-in. */
function NoSignOn() {
  const { data } = useQuery(signOnConfigQuery);
  if (data === undefined || data.issuer !== '') return null;
  return (
    <Alert color="blue" icon={<IconInfoCircle />} title="There is no single sign-on yet">
      Members can sign in once <code>OAUTH_ISSUER</code> and <code>OAUTH_CLIENT_ID</code> name an identity
      provider.
    </Alert>
  );
}

/** People who may sign in, and as what. */
export function MembersPage() {
  const { organization, error, retry } = useOrganization();
  const orgId = organization?.id;
  const members = useQuery({
    ...membersQuery(orgId ?? ''),
    ...(orgId === undefined ? { queryFn: skipToken } : {}),
  });
  const session = useSession();
  const can = useCan();
  const queryClient = useQueryClient();
  const [isAdding, adding] = useDisclosure(false);
  const [changing, setChanging] = useState<RestMember>();
  const [removing, setRemoving] = useState<RestMember>();
  const roles = givableRoles(session, members.data ?? []);
  const mayManage = can('members.change');
  const isBelow = ({ role }: RestMember) => roles.some((each) => each === role);
  const add = mayManage && organization && (
    <Button leftSection={<IconPlus size={16} />} onClick={adding.open}>
      Add a member
    </Button>
  );
  const failure = error ?? members.error;
  return (
    <Page
      title="Members"
      description={`People who may sign in${organization ? `, as members of ${organization.name}` : ''}.`}
      actions={
        <>
          <OrganizationPicker />
          {add}
        </>
      }
    >
      <NoSignOn />
      {failure ? (
        <Failure error={failure} onRetry={() => (error ? retry() : void members.refetch())} />
      ) : !members.data ? (
        <LoadingRows />
      ) : members.data.length === 0 ? (
        <Nothing icon={IconUsers} title="No member yet" action={add}>
          A member signs in at the identity provider, and may do what their role says. Whom the sign-in’s own
          rules let in need not be one.
        </Nothing>
      ) : (
        <Paper withBorder>
          <ScrollTable label="Members" minWidth={640} spacing="sm">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Member</Table.Th>
                <Table.Th>Role</Table.Th>
                <Table.Th>Has signed in</Table.Th>
                <Table.Th>
                  <VisuallyHidden>Actions</VisuallyHidden>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {members.data.map((member) => (
                <MemberRow
                  key={member.uid}
                  member={member}
                  mayChange={mayManage && isBelow(member)}
                  mayRemove={isSelf(session, member) || (mayManage && isBelow(member))}
                  onChange={() => setChanging(member)}
                  onRemove={() => setRemoving(member)}
                />
              ))}
            </Table.Tbody>
          </ScrollTable>
        </Paper>
      )}
      {orgId !== undefined && (
        <>
          <Modal opened={isAdding} onClose={adding.close} title="Add a member" centered>
            <MemberForm orgId={orgId} roles={roles} onDone={adding.close} />
          </Modal>
          <Modal
            opened={changing !== undefined}
            onClose={() => setChanging(undefined)}
            title={`Role of ${changing?.email ?? ''}`}
            centered
          >
            {changing && (
              <MemberForm
                orgId={orgId}
                member={changing}
                roles={roles}
                onDone={() => setChanging(undefined)}
              />
            )}
          </Modal>
        </>
      )}
      {removing && orgId !== undefined && (
        <Confirm
          opened
          onClose={() => setRemoving(undefined)}
          title={`Remove ${removing.email}`}
          action="Remove"
          name={removing.email}
          run={async () => {
            await removeMember(orgId, removing.email);
            await queryClient.invalidateQueries({ queryKey: ['members', orgId] });
            // Who left may not be anybody here any more.
            if (isSelf(session, removing)) await queryClient.invalidateQueries(sessionQuery);
            tellDone(`${removing.email} is removed.`);
          }}
        >
          {isSelf(session, removing) ? 'You are removed yourself. ' : ''}
          From the next request on the membership lets them do nothing more as{' '}
          <b>{roleName(removing.role)}</b> of {organization?.name}.
          <List size="sm" mt="xs">
            <List.Item>Another membership, or the sign-in’s own rules, may still let them in.</List.Item>
            <List.Item>
              What they made stays, also API keys: revoke those that they know under API keys.
            </List.Item>
          </List>
        </Confirm>
      )}
    </Page>
  );
}
