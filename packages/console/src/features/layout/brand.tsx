import { Group, Text } from '@mantine/core';

export function Brand({ isShort = false }: { readonly isShort?: boolean }) {
  return (
    <Group gap={8} wrap="nowrap">
      <svg width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#3b5bdb" />
        <path d="M16 7l8 8h-5v5h-6v-5H8z" fill="#fff" />
        <rect x="9" y="22" width="14" height="3" rx="1.5" fill="#fff" />
      </svg>
      {!isShort && (
        <Text fw={700} style={{ whiteSpace: 'nowrap' }}>
          capgo-server
        </Text>
      )}
    </Group>
  );
}
