import type { AuditView } from '@capgo-server/protocol/management/audit';
import { Badge, Box, Button, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { bundlesQuery } from '../../api/bundles.ts';
import { Expandable } from '../../components/expandable.tsx';
import { When } from '../../components/when.tsx';
import { actorOf, bundleFields, fieldName, fieldsInSentence, told } from './audit-words.ts';
import { fieldChanges, isTime, shownValue } from './field-changes.ts';

const colors = { made: 'teal', changed: 'blue', deleted: 'red' } as const;

/** A bundle by its version name, where it is still there. */
function Bundle({ appId, bundleId }: { readonly appId: string; readonly bundleId: string }) {
  const { data: bundles } = useQuery(bundlesQuery(appId));
  return bundles?.find(({ id }) => id === bundleId)?.version_name ?? bundleId;
}

function Value({
  field,
  value,
  appId,
}: {
  readonly field: string;
  readonly value: unknown;
  readonly appId: string | null;
}) {
  const text = shownValue(field, value);
  if (text === undefined)
    return (
      <Text span inherit c="dimmed">
        nothing
      </Text>
    );
  if (isTime(value)) return <When at={value} />;
  if (bundleFields.has(field) && appId !== null) return <Bundle appId={appId} bundleId={text} />;
  return text;
}

/** The fields of an entry: what they were, and what they are. */
function Fields({ entry }: { readonly entry: AuditView }) {
  const isChange = entry.operation === 'UPDATE';
  const value = (field: string, given: unknown) => <Value field={field} value={given} appId={entry.app_id} />;
  return (
    <Table withTableBorder layout="fixed" fz="sm" verticalSpacing={4}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Field</Table.Th>
          {isChange && <Table.Th>Before</Table.Th>}
          <Table.Th>
            {isChange ? 'Afterwards' : entry.operation === 'INSERT' ? 'Value' : 'Last value'}
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody style={{ overflowWrap: 'anywhere' }}>
        {fieldChanges(entry).map(({ field, before, after }) => (
          <Table.Tr key={field}>
            <Table.Th scope="row" fw={500} title={field} style={{ whiteSpace: 'normal' }}>
              {fieldName(field)}
            </Table.Th>
            {isChange && <Table.Td>{value(field, before)}</Table.Td>}
            <Table.Td>{value(field, entry.operation === 'DELETE' ? before : after)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** One change: who, what, when; opens to the fields. */
export function Entry({
  entry,
  onActor,
}: {
  readonly entry: AuditView;
  /** Asks for everything that an actor did. */
  readonly onActor: (id: string) => void;
}) {
  const { noun, name, verb } = told(entry);
  const actor = actorOf(entry);
  const { id } = actor;
  return (
    <Expandable
      summary={
        <>
          {noun} <b>{name}</b> {verb}
          {verb === 'changed' && entry.changed_fields && (
            <Text span inherit c="dimmed">
              : {fieldsInSentence(entry.changed_fields)}
            </Text>
          )}
        </>
      }
      below={
        <Text size="xs" c="dimmed" component="div">
          by{' '}
          {id === null ? (
            actor.name
          ) : (
            <Button
              variant="subtle"
              size="compact-xs"
              px={2}
              title="Show all that this actor did"
              onClick={() => onActor(id)}
            >
              {actor.name}
            </Button>
          )}
          {entry.app_id !== null && <> in {entry.app_id}</>}
        </Text>
      }
      aside={
        <>
          <When at={entry.created_at} />
          <Badge variant="light" color={colors[verb]} tt="none" w={76}>
            {verb}
          </Badge>
        </>
      }
    >
      {() => (
        <Box>
          <Fields entry={entry} />
          <Text size="xs" c="dimmed" mt={4}>
            Entry {entry.id} · {entry.table_name} {entry.record_id}
          </Text>
        </Box>
      )}
    </Expandable>
  );
}
