import { Box, Checkbox, Fieldset, SimpleGrid, Stack, Table, Text } from '@mantine/core';
import { operationWords, recordNoun } from '../../components/record-words.ts';
import { namedEvents, operations, singleEvents, specialEvents, tables } from './chosen-events.ts';

/** Which events a webhook is told of. */
export function EventChoice({
  events,
  onChange,
}: {
  readonly events: readonly string[];
  readonly onChange: (events: string[]) => void;
}) {
  const single = singleEvents(events);
  const set = (which: readonly string[], isWanted: boolean) => {
    const wanted = new Set(single);
    for (const event of which) {
      if (isWanted) wanted.add(event);
      else wanted.delete(event);
    }
    onChange(namedEvents(wanted));
  };
  const of = (table: string) => operations.map((operation) => `${table}.${operation}`);
  const all = [...tables.flatMap(of), ...Object.keys(specialEvents)];
  const box = (which: readonly string[], label: string, isLabelShown = false) => {
    const wanted = which.filter((event) => single.has(event)).length;
    return (
      <Checkbox
        size="sm"
        {...(isLabelShown ? { label } : { 'aria-label': label })}
        checked={wanted === which.length}
        indeterminate={wanted > 0 && wanted < which.length}
        onChange={(event) => set(which, event.currentTarget.checked)}
      />
    );
  };
  return (
    <Fieldset
      legend={
        <Text span size="sm" fw={600}>
          Events
        </Text>
      }
      variant="unstyled"
    >
      <Stack gap="xs">
        <Text size="xs" c="dimmed">
          What it is told of; at least one.
        </Text>
        <Box>
          <Table verticalSpacing={4} horizontalSpacing={4} fz="sm" withRowBorders={false}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{box(all, 'Everything', true)}</Table.Th>
                {operations.map((operation) => (
                  <Table.Th key={operation} fw={400}>
                    {operationWords[operation]}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {tables.map((table) => (
                <Table.Tr key={table}>
                  <Table.Th scope="row" fw={400}>
                    {box(of(table), recordNoun(table), true)}
                  </Table.Th>
                  {operations.map((operation) => (
                    <Table.Td key={operation}>
                      {box(
                        [`${table}.${operation}`],
                        `${recordNoun(table)} ${operationWords[operation] ?? operation}`,
                      )}
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Box>
        <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" px={4}>
          {Object.entries(specialEvents).map(([event, words]) => (
            <Box key={event}>{box([event], words, true)}</Box>
          ))}
        </SimpleGrid>
      </Stack>
    </Fieldset>
  );
}
