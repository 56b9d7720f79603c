import { ActionIcon, Box, Code, CopyButton, Group, ScrollArea, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';

function Copy({ value, label }: { readonly value: string; readonly label: string }) {
  return (
    <CopyButton value={value} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : label}>
          <ActionIcon
            variant="subtle"
            color={copied ? 'teal' : 'gray'}
            size="sm"
            onClick={copy}
            aria-label={copied ? 'Copied' : label}
          >
            {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** A value people carry elsewhere: an id, a checksum. @param shown when that is shorter than the value */
export function Copyable({
  value,
  shown,
  label = 'Copy',
}: {
  readonly value: string;
  readonly shown?: string;
  readonly label?: string;
}) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex">
      <Text span ff="monospace" size="xs" title={value} style={{ overflowWrap: 'anywhere' }}>
        {shown ?? value}
      </Text>
      <Copy value={value} label={label} />
    </Group>
  );
}

/** A block to be pasted somewhere, whole. */
export function CodeBlock({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <Box pos="relative">
      <ScrollArea type="auto" viewportProps={{ tabIndex: 0, role: 'region', 'aria-label': label }}>
        <Code block pr={48} fz="xs" style={{ overflow: 'visible' }}>
          {text}
        </Code>
      </ScrollArea>
      <Box pos="absolute" top={8} right={8}>
        <Copy value={text} label="Copy" />
      </Box>
    </Box>
  );
}
