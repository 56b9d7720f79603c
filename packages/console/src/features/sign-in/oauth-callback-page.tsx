import { Button, Center, Loader, Stack } from '@mantine/core';
import { Link, useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { basePath } from '../../api/location.ts';
import { completeSignOn } from '../../api/sign-on.ts';
import { Failure } from '../../components/states.tsx';

let completion: ReturnType<typeof completeSignOn> | undefined;

/** Where the issuer sends the browser back to, with a code that is good for one use. */
export function OauthCallbackPage() {
  const router = useRouter();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    // Once, however often the page is drawn.
    completion ??= completeSignOn();
    completion.then((path) => {
      if (path !== undefined) router.history.replace(basePath + path);
    }, setError);
  }, [router]);
  return (
    <Center mih="100dvh" p="md" component="main">
      {error === undefined ? (
        <Loader aria-label="Signing in" />
      ) : (
        <Stack maw={480}>
          <Failure error={error} title="The sign-in did not work" />
          <Button component={Link} to="/login">
            To the sign-in
          </Button>
        </Stack>
      )}
    </Center>
  );
}
