import { Alert, Button, Group, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { ReactNode } from 'react';

/** A form that does one thing; when that is refused it stays, with the reason. */
export function ActionForm<Result>({
  action,
  run,
  onDone,
  isReady = true,
  isQuiet = false,
  children,
}: {
  /** The button: a verb. */
  readonly action: string;
  readonly run: () => Promise<Result>;
  readonly onDone?: (result: Result) => unknown;
  readonly isReady?: boolean;
  /** One of several on a page, none of which is what the page is for. */
  readonly isQuiet?: boolean;
  readonly children: ReactNode;
}) {
  const mutation = useMutation({ mutationFn: run, onSuccess: async (result) => onDone?.(result) });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady) mutation.mutate();
      }}
    >
      <Stack>
        {children}
        {mutation.error && (
          <Alert color="red" role="alert">
            {mutation.error.message}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button
            type="submit"
            variant={isQuiet ? 'default' : 'filled'}
            loading={mutation.isPending}
            disabled={!isReady}
          >
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
