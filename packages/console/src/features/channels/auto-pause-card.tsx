import {
  Button,
  Card,
  Group,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  Title,
} from '@mantine/core';
import { useState } from 'react';
import type { AutoPauseAction, Channel } from '../../api/channels.ts';
import { useCan } from '../../api/session.ts';
import { tellDone } from '../../components/tell.ts';
import { useChannelChange } from './use-channel-change.ts';

const actions: Readonly<Record<AutoPauseAction, string>> = {
  pause: 'Pause it',
  rollback: 'Take it back from everybody',
  notify: 'Only say so in the log',
};
const orNull = (value: string | number) => (value === '' ? null : Number(value));

/** When a rollout stops itself. */
export function AutoPauseCard({ channel }: { readonly channel: Channel }) {
  const can = useCan();
  const change = useChannelChange(channel);
  const [isEnabled, setEnabled] = useState(channel.autoPauseEnabled);
  const [rate, setRate] = useState<string | number>(
    channel.autoPauseFailureRateBps === null ? '' : channel.autoPauseFailureRateBps / 100,
  );
  const [minutes, setMinutes] = useState<string | number>(channel.autoPauseWindowMinutes);
  const [attempts, setAttempts] = useState<string | number>(channel.autoPauseMinAttempts ?? '');
  const [failures, setFailures] = useState<string | number>(channel.autoPauseMinFailures ?? '');
  const [action, setAction] = useState<AutoPauseAction>(channel.autoPauseAction);
  const mayChange = can('channels.change');
  return (
    <Card withBorder>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const percent = orNull(rate);
          change.mutate(
            {
              autoPauseEnabled: isEnabled,
              autoPauseFailureRateBps: percent === null ? null : Math.round(percent * 100),
              autoPauseWindowMinutes: Number(minutes),
              autoPauseMinAttempts: orNull(attempts),
              autoPauseMinFailures: orNull(failures),
              autoPauseAction: action,
            },
            { onSuccess: () => tellDone('Auto-pause is saved.') },
          );
        }}
      >
        <Stack>
          <Title order={2}>Auto-pause</Title>
          <Text size="sm" c="dimmed">
            Stops a rollout when its failures are too many to be chance.
          </Text>
          <fieldset disabled={!mayChange} style={{ border: 0, padding: 0, margin: 0 }}>
            <Stack>
              <Switch
                label="On"
                checked={isEnabled}
                onChange={(event) => setEnabled(event.currentTarget.checked)}
              />
              <SimpleGrid cols={2}>
                <NumberInput
                  label="Stop at"
                  suffix=" %"
                  min={0}
                  max={100}
                  decimalScale={2}
                  value={rate}
                  onChange={setRate}
                  placeholder="never"
                />
                <NumberInput
                  label="Looking back"
                  suffix=" min"
                  min={1}
                  max={10_080}
                  allowDecimal={false}
                  required
                  value={minutes}
                  onChange={setMinutes}
                />
                <NumberInput
                  label="Least installs"
                  min={0}
                  allowDecimal={false}
                  value={attempts}
                  onChange={setAttempts}
                  placeholder="any"
                />
                <NumberInput
                  label="Least failures"
                  min={0}
                  allowDecimal={false}
                  value={failures}
                  onChange={setFailures}
                  placeholder="any"
                />
              </SimpleGrid>
              <Select
                label="Then"
                allowDeselect={false}
                value={action}
                onChange={(value) => value && setAction(value as AutoPauseAction)}
                data={Object.entries(actions).map(([value, label]) => ({ value, label }))}
              />
            </Stack>
          </fieldset>
          {mayChange && (
            <Group justify="flex-end">
              <Button type="submit" variant="default" loading={change.isPending}>
                Save
              </Button>
            </Group>
          )}
        </Stack>
      </form>
    </Card>
  );
}
