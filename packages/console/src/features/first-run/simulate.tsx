import { Button, Group, Loader, Select, Stack, Text, TextInput, ThemeIcon } from '@mantine/core';
import { IconCheck, IconDeviceMobile, IconMinus, IconX } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { platformNames } from '../../components/platform.tsx';
import { playStart, type Step, type StepName } from './simulated-device.ts';

const stepTitles: Readonly<Record<StepName, string>> = {
  check: 'Check for an update',
  download: 'Download',
  verify: 'Verify the checksum',
  report: 'Report',
};
const pauseMs = 350;

/** Every browser is one device; a new one each time would look like a crowd. */
function ownDeviceId(): string {
  const name = 'capgo-server.simulated-device';
  const known = localStorage.getItem(name);
  if (known) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  localStorage.setItem(name, id);
  return id;
}

function Bullet({ step }: { readonly step: Step | undefined }) {
  if (!step)
    return (
      <ThemeIcon size={24} radius="xl" variant="light" color="gray">
        <IconMinus size={14} />
      </ThemeIcon>
    );
  if (step.state === 'running') return <Loader size={24} />;
  const isDone = step.state === 'done';
  return (
    <ThemeIcon size={24} radius="xl" color={isDone ? 'teal' : 'red'}>
      {isDone ? <IconCheck size={14} /> : <IconX size={14} />}
    </ThemeIcon>
  );
}

export function Simulate({ appId, serverUrl }: { readonly appId: string; readonly serverUrl: string }) {
  const queryClient = useQueryClient();
  const [platform, setPlatform] = useState<string>('android');
  const [nativeVersion, setNativeVersion] = useState('1.0.0');
  const [nativeBuild, setNativeBuild] = useState('1');
  const [steps, setSteps] = useState<Partial<Record<StepName, Step>>>({});
  const [isPlaying, setPlaying] = useState(false);

  async function play(): Promise<void> {
    setPlaying(true);
    setSteps({});
    try {
      const device = {
        serverUrl,
        appId,
        deviceId: ownDeviceId(),
        platform,
        nativeVersion,
        nativeBuild,
        runs: 'builtin',
      };
      for await (const step of playStart(device)) {
        setSteps((current) => ({ ...current, [step.name]: step }));
        // So that people can follow.
        if (step.state === 'running') await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    } finally {
      setPlaying(false);
      void queryClient.invalidateQueries({ queryKey: ['devices', appId] });
    }
  }

  return (
    <Stack gap="sm">
      <Group align="flex-end" gap="sm">
        <Select
          label="Platform"
          w={130}
          allowDeselect={false}
          value={platform}
          onChange={(value) => value && setPlatform(value)}
          data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
        />
        <TextInput
          label="Native version"
          w={120}
          value={nativeVersion}
          onChange={(event) => setNativeVersion(event.currentTarget.value)}
        />
        <TextInput
          label="Build number"
          w={110}
          value={nativeBuild}
          onChange={(event) => setNativeBuild(event.currentTarget.value)}
        />
        <Button leftSection={<IconDeviceMobile size={16} />} loading={isPlaying} onClick={() => void play()}>
          Start the app on it
        </Button>
      </Group>
      <Stack gap={8} component="ol" m={0} p={0} style={{ listStyle: 'none' }} aria-live="polite">
        {(Object.keys(stepTitles) as StepName[]).map((name) => (
          <Group
            key={name}
            component="li"
            gap="sm"
            wrap="nowrap"
            align="flex-start"
            data-testid={`step-${name}`}
            data-state={steps[name]?.state ?? 'waiting'}
          >
            <Bullet step={steps[name]} />
            <div style={{ minWidth: 0 }}>
              <Text size="sm" fw={600}>
                {stepTitles[name]}
              </Text>
              {steps[name] && (
                <Text
                  size="xs"
                  c={steps[name].state === 'failed' ? 'red' : 'dimmed'}
                  style={{ overflowWrap: 'anywhere' }}
                >
                  {steps[name].text}
                </Text>
              )}
            </div>
          </Group>
        ))}
      </Stack>
    </Stack>
  );
}
