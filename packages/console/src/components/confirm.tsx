import { Alert, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';

/**
 * Asks before something is destroyed: says what it will touch, and, when that is more than a click can undo, wants its
 * name typed.
 */
export function Confirm({
  opened,
  onClose,
  title,
  children,
  action,
  name,
  isDangerous = true,
  isBlocked = false,
  run,
}: {
  readonly opened: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly children: ReactNode;
  /** The button: a verb. */
  readonly action: string;
  /** What has to be typed; undefined where a click is enough. */
  readonly name?: string;
  readonly isDangerous?: boolean;
  /** Something stands in the way, which the text says; nothing is offered then but to close. */
  readonly isBlocked?: boolean;
  /** What stays open with its reason when it rejects. */
  readonly run: () => Promise<unknown>;
}) {
  const [typed, setTyped] = useState('');
  const close = () => {
    setTyped('');
    mutation.reset();
    onClose();
  };
  const mutation = useMutation({ mutationFn: run, onSuccess: close });
  const isReady = name === undefined || typed.trim() === name;
  return (
    <Modal opened={opened} onClose={close} title={title} centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !isBlocked) mutation.mutate();
        }}
      >
        <Stack>
          <Text size="sm" component="div">
            {children}
          </Text>
          {name !== undefined && !isBlocked && (
            <TextInput
              label={
                <>
                  Type <b>{name}</b> to confirm
                </>
              }
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
              data-autofocus
            />
          )}
          {mutation.error && (
            <Alert color="red" role="alert">
              {mutation.error.message}
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {isBlocked ? 'Close' : 'Cancel'}
            </Button>
            {!isBlocked && (
              <Button
                type="submit"
                color={isDangerous ? 'red' : 'brand'}
                loading={mutation.isPending}
                disabled={!isReady}
              >
                {action}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
