import { Select, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { putMember } from '../../api/organizations.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { tellDone } from '../../components/tell.ts';
import { type MemberRole, memberRoleWords, roleName } from './member-roles.ts';

/** Makes somebody a member; with a member given, gives that one another role. */
export function MemberForm({
  orgId,
  member,
  roles,
  onDone,
}: {
  readonly orgId: string;
  readonly member?: { readonly email: string; readonly role: string };
  readonly roles: readonly MemberRole[];
  readonly onDone: () => void;
}) {
  const queryClient = useQueryClient();
  const [email, setEmail] = useState(member?.email ?? '');
  const [role, setRole] = useState<MemberRole>(roles.find((each) => each === member?.role) ?? 'read');
  return (
    <ActionForm
      action={member ? 'Change the role' : 'Add the member'}
      isReady={email.trim() !== '' && role !== member?.role}
      run={() => putMember(orgId, email.trim(), role)}
      onDone={async () => {
        await queryClient.invalidateQueries({ queryKey: ['members', orgId] });
        tellDone(
          member
            ? `${email} is ${roleName(role)} from the next request on.`
            : `${email.trim()} may sign in as ${roleName(role)}.`,
        );
        onDone();
      }}
    >
      {!member && (
        <TextInput
          type="email"
          label="E-mail address"
          description="The one the person signs in with. No mail is sent: the role holds from the first sign-in."
          placeholder="olga@example.com"
          required
          data-autofocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
      )}
      <Select
        label="Role"
        description={`${memberRoleWords[role]}.`}
        allowDeselect={false}
        value={role}
        onChange={(value) => value && setRole(value)}
        data={roles.map((value) => ({ value, label: roleName(value) }))}
        {...(member ? { 'data-autofocus': true } : {})}
      />
    </ActionForm>
  );
}
