import { Button, Container } from '@mantine/core';
import { IconMapOff } from '@tabler/icons-react';
import { type ErrorComponentProps, Link } from '@tanstack/react-router';
import { Failure, Nothing } from '../../components/states.tsx';

export function NotFoundPage() {
  return (
    <Container size="sm" py="xl">
      <Nothing
        icon={IconMapOff}
        title="There is no such page"
        action={
          <Button component={Link} to="/">
            To your apps
          </Button>
        }
      >
        The address may be of something that was deleted.
      </Nothing>
    </Container>
  );
}

export function CrashPage({ error, reset }: ErrorComponentProps) {
  return (
    <Container size="sm" py="xl">
      <Failure error={error} onRetry={reset} />
    </Container>
  );
}
