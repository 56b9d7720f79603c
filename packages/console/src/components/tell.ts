import { notifications } from '@mantine/notifications';

export function tellDone(message: string): void {
  notifications.show({ message, color: 'teal', withBorder: true });
}

export function tellFailed(error: unknown): void {
  notifications.show({
    title: 'This did not work',
    message: error instanceof Error ? error.message : String(error),
    color: 'red',
    withBorder: true,
    autoClose: 8_000,
  });
}
