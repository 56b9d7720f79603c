import type { BundleView } from '@capgo-server/protocol/management/bundles';
import type { ReleaseView } from '@capgo-server/protocol/management/releases';
import { Group, SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { createRelease, setActiveBundle, updateRelease } from '../../api/releases.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { platformName, platformNames } from '../../components/platform.tsx';
import { tellDone } from '../../components/tell.ts';

function bundleOptions(bundles: readonly BundleView[]) {
  return bundles.map(({ id, version_name, description }) => ({
    value: id,
    label: description === '' ? version_name : `${version_name} · ${description}`,
  }));
}

interface OfRelease {
  readonly release: ReleaseView;
  readonly onDone: () => void;
}

/** The app's releases, read again after a change. */
function useRefresh(appId: string): () => Promise<void> {
  const queryClient = useQueryClient();
  return () => queryClient.invalidateQueries({ queryKey: ['releases', appId] });
}

export function CreateRelease({
  appId,
  bundles,
  onDone,
}: {
  readonly appId: string;
  readonly bundles: readonly BundleView[];
  readonly onDone: () => void;
}) {
  const refresh = useRefresh(appId);
  const [platform, setPlatform] = useState('android');
  const [versionName, setVersionName] = useState('');
  const [versionCode, setVersionCode] = useState('');
  const [builtin, setBuiltin] = useState<string | null>(null);
  return (
    <ActionForm
      action="Create the release"
      isReady={builtin !== null}
      run={() =>
        createRelease({
          platform,
          app_id: appId,
          version_name: versionName.trim(),
          version_code: versionCode.trim(),
          builtin_bundle_id: builtin ?? '',
        })
      }
      onDone={async () => {
        await refresh();
        tellDone(
          `Release ${versionName} (${versionCode}) is registered. Its devices stay on their builtin bundle until you set another one.`,
        );
        onDone();
      }}
    >
      <SegmentedControl
        aria-label="Platform"
        fullWidth
        value={platform}
        onChange={setPlatform}
        data={Object.entries(platformNames).map(([value, label]) => ({ value, label }))}
      />
      <Group grow align="flex-start">
        <TextInput
          label="Native version"
          description="As the store shows it"
          placeholder="1.0.0"
          required
          value={versionName}
          onChange={(event) => setVersionName(event.currentTarget.value)}
          data-autofocus
        />
        <TextInput
          label="Build number"
          description="versionCode, CFBundleVersion"
          placeholder="12"
          required
          value={versionCode}
          onChange={(event) => setVersionCode(event.currentTarget.value)}
        />
      </Group>
      <Select
        label="Builtin bundle"
        description="The web app inside this native build"
        placeholder={bundles.length === 0 ? 'Upload it first' : 'Choose a bundle'}
        required
        searchable
        value={builtin}
        onChange={setBuiltin}
        data={bundleOptions(bundles)}
        nothingFoundMessage="No such bundle"
      />
    </ActionForm>
  );
}

export function SetActive({
  release,
  bundles,
  onDone,
}: OfRelease & { readonly bundles: readonly BundleView[] }) {
  const refresh = useRefresh(release.app_id);
  const [bundleId, setBundleId] = useState(release.active_bundle_id);
  return (
    <ActionForm
      action="Set active"
      isReady={bundleId !== null && bundleId !== release.active_bundle_id}
      run={() => setActiveBundle({ release_id: release.id, bundle_id: bundleId })}
      onDone={async () => {
        await refresh();
        tellDone('Its devices get that bundle with their next check.');
        onDone();
      }}
    >
      <Text size="sm">
        Every device with {platformName(release.platform)} {release.version_name} (build{' '}
        {release.version_code}) gets this bundle with its next check.
      </Text>
      <Select
        label="Active bundle"
        searchable
        data-autofocus
        value={bundleId}
        onChange={setBundleId}
        placeholder="Choose a bundle"
        data={bundleOptions(bundles)}
        nothingFoundMessage="No such bundle"
      />
    </ActionForm>
  );
}

export function SetDate({ release, onDone }: OfRelease) {
  const refresh = useRefresh(release.app_id);
  const [date, setDate] = useState(release.release_date?.slice(0, 10) ?? '');
  return (
    <ActionForm
      action="Save"
      run={() => updateRelease({ release_id: release.id, release_date: date === '' ? null : date })}
      onDone={async () => {
        await refresh();
        onDone();
      }}
    >
      <TextInput
        type="date"
        label="Release date"
        description="The day it came into the store; empty for none"
        value={date}
        onChange={(event) => setDate(event.currentTarget.value)}
        data-autofocus
      />
    </ActionForm>
  );
}
