import { type Static, Type } from 'typebox';
import { AppId, count, flag, nullable, oneOf, text, timestamp } from './fields.ts';
import { pageOf, RecordId, recordIdOf } from './pages.ts';

const ChannelName = text('Name of the channel', 'production');

/** One line of what a channel or a release has served. */
export const DeploymentView = Type.Object(
  {
    id: recordIdOf('Id of the deployment'),
    bundle_id: nullable(recordIdOf('What everybody got, or those outside of a rollout; null for builtin')),
    bundle: text('Its version name, `builtin`, or `deleted` when it is gone', '1.2.3'),
    rollout_bundle_id: nullable(recordIdOf('What the rollout gave to its share; null without one')),
    rollout_bundle: nullable(text('Its version name, or `deleted` when it is gone', '1.3.0')),
    actor: text('Who did it', 'Release pipeline'),
    reason: text('What was done', 'set bundle'),
    created_at: timestamp('Since when'),
  },
  { title: 'Deployment', description: 'What was served since when, and who saw to it' },
);
export type DeploymentView = Static<typeof DeploymentView>;

export const DeploymentList = pageOf(DeploymentView, 'deployments, newest first');

export const DeploymentListQuery = Type.Object(
  {
    app_id: AppId,
    channel: ChannelName,
    limit: Type.Optional(text('Most rows of the page, 1 to 1000; 50 without it', '50')),
    cursor: Type.Optional(text('The next_cursor of the page before', 'NjU2MGExZjRjMGZmZWUwMTIzNDU2Nzg5')),
  },
  { description: 'Of which channel' },
);

export const ChannelRollbackBody = Type.Object(
  { app_id: AppId, channel: ChannelName },
  { description: 'Which channel' },
);
export type ChannelRollbackBody = Static<typeof ChannelRollbackBody>;

export const ChannelRollbackAnswer = Type.Object(
  {
    message: text('What was done, for people', 'Channel production serves 1.2.2 again'),
    bundle_id: nullable(RecordId),
    bundle: text('What everybody gets now: its version name, or `builtin`', '1.2.2'),
  },
  { description: 'What the channel serves now' },
);
export type ChannelRollbackAnswer = Static<typeof ChannelRollbackAnswer>;

export const rolloutVerdicts = [
  ...(['no_rollout', 'disabled', 'no_threshold', 'cooling_down', 'too_few_attempts'] as const),
  ...(['too_few_failures', 'no_failures', 'below_threshold', 'triggered'] as const),
] as const;

/** The answer of `channels.health`. */
export const ChannelHealthView = Type.Object(
  {
    rolling: flag('Whether a rollout takes devices'),
    window_minutes: count('Minutes of which reports count', 60),
    installs: count('Installs of the rollout bundle in that time', 94),
    failures: count('Failures of it in that time', 6),
    failure_rate_bps: nullable(count('Failures in hundredths of a percent; null without a report', 600)),
    certain_rate_bps: nullable(
      count('What the rate is at least, as sure as the channel wants to be; it is what is judged', 277),
    ),
    threshold_bps: nullable(count('At which the rollout stops itself; null never', 500)),
    verdict: oneOf(rolloutVerdicts, 'What auto-pause makes of it'),
  },
  { description: 'How a channel’s rollout fares against what stops it' },
);
export type ChannelHealthView = Static<typeof ChannelHealthView>;

export const ChannelHealthQuery = Type.Object(
  { app_id: AppId, channel: ChannelName },
  { description: 'Which channel' },
);
