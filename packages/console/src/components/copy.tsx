import { ActionIcon, Box, Code, Group, ScrollArea, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { copyText } from './copy-text.ts';
import { tellFailed } from './tell.ts';

const shownMs = 1_500;

function Copy({ value, label }: { readonly value: string; readonly label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copying = useMutation({
    mutationFn: () => copyText(value),
    onSuccess: () => {
      setCopied(true);
      setTimeout(() => setCopied(false), shownMs);
    },
    onError: tellFailed,
  });
  return (
    <Tooltip label={isCopied ? 'Copied' : label}>
      <ActionIcon
        variant="subtle"
        color={isCopied ? 'teal' : 'gray'}
        size="sm"
        onClick={() => copying.mutate()}
        aria-label={isCopied ? 'Copied' : label}
      >
        {isCopied ? <IconCheck size={14} /> : <IconCopy size={14} />}
      </ActionIcon>
    </Tooltip>
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
      {/* Over text that is scrolled below it. */}
      <Box pos="absolute" top={6} right={6} p={2} bg="var(--mantine-color-body)" bdrs="sm">
        <Copy value={text} label="Copy" />
      </Box>
    </Box>
  );
}
