import { Autocomplete, Button, Select, SimpleGrid, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { appsQuery } from '../../api/apps.ts';
import type { AuditFilter } from '../../api/filters.ts';
import { operationWords, recordNouns } from '../../components/record-words.ts';

/** A text that is asked for once it is whole: with Enter, when it is left, or when one is picked. */
function Text({
  label,
  placeholder,
  value,
  known,
  onChange,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  /** What is offered: values, and what they are called. */
  readonly known: ReadonlyMap<string, string>;
  readonly onChange: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <Autocomplete
      label={label}
      placeholder={placeholder}
      value={text}
      onChange={setText}
      data={[...known.keys()]}
      renderOption={({ option }) => {
        const name = known.get(option.value) ?? option.value;
        return name === option.value ? name : `${name} (${option.value})`;
      }}
      onOptionSubmit={onChange}
      onBlur={() => onChange(text.trim())}
      onKeyDown={(event) => event.key === 'Enter' && onChange(text.trim())}
      limit={20}
    />
  );
}

/** A day, which is asked for when its year is one: not while it is typed. */
function Day({
  label,
  value,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      type="date"
      label={label}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        if (currentTarget.value === '' || currentTarget.value >= '2000') onChange(currentTarget.value);
      }}
    />
  );
}

const choices = (words: Readonly<Record<string, string>>) =>
  Object.entries(words).map(([value, label]) => ({ value, label }));

/** What the audit log is narrowed to. */
export function Filters({
  filter,
  actors,
  onChange,
  onClear,
}: {
  readonly filter: AuditFilter;
  /** Those that are known, by their ids. */
  readonly actors: ReadonlyMap<string, string>;
  readonly onChange: (change: AuditFilter) => void;
  readonly onClear: () => void;
}) {
  const { data: apps = [] } = useQuery(appsQuery);
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 7 }} spacing="sm" style={{ alignItems: 'end' }}>
      <Text
        label="App"
        placeholder="Any"
        value={filter.app_id ?? ''}
        known={new Map(apps.map(({ appId, name }) => [appId, name]))}
        onChange={(app_id) => onChange({ app_id })}
      />
      <Text
        label="Actor"
        placeholder="Anybody"
        value={filter.actor ?? ''}
        known={actors}
        onChange={(actor) => onChange({ actor })}
      />
      <Select
        label="What"
        placeholder="Anything"
        clearable
        clearButtonProps={{ 'aria-label': 'Anything' }}
        value={filter.table ?? null}
        data={choices(recordNouns)}
        onChange={(table) => onChange({ table: table ?? '' })}
      />
      <Select
        label="Action"
        placeholder="Any"
        clearable
        clearButtonProps={{ 'aria-label': 'Any action' }}
        value={filter.operation ?? null}
        data={choices(operationWords)}
        onChange={(operation) => onChange({ operation: operation ?? '' })}
      />
      <Day label="From" value={filter.from ?? ''} onChange={(from) => onChange({ from })} />
      <Day label="To, that day too" value={filter.to ?? ''} onChange={(to) => onChange({ to })} />
      {Object.keys(filter).length > 0 && (
        <Button variant="subtle" onClick={onClear}>
          Show all
        </Button>
      )}
    </SimpleGrid>
  );
}
