import '@mantine/dropzone/styles.css';
import type { BundleView } from '@capgo-server/protocol/management/bundles';
import {
  Accordion,
  Alert,
  Button,
  FileButton,
  Group,
  Progress,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { Dropzone } from '@mantine/dropzone';
import { IconFileZip, IconFolder, IconUpload } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { uploadBundle } from '../../api/bundles.ts';
import { bytes, counted } from '../../components/amounts.ts';
import { type FolderFile, folderPath, versionIn, webFiles, zipFiles } from './web-folder.ts';

interface Chosen {
  readonly name: string;
  readonly zip: Blob;
  /** How many files were packed here; undefined for a zip that was one already. */
  readonly fileCount: number | undefined;
}

async function chosenOf(
  files: readonly File[],
  onProgress: (share: number) => void,
): Promise<Chosen | undefined> {
  const [first] = files;
  if (!first) return undefined;
  if (files.length === 1 && /\.zip$/i.test(first.name))
    return { name: first.name, zip: first, fileCount: undefined };
  const folder: FolderFile[] = files.map((file) => ({ path: folderPath(file), file }));
  const wanted = webFiles(folder);
  const name = folder[0]?.path.split('/')[0] ?? 'folder';
  return { name, zip: await zipFiles(wanted, onProgress), fileCount: wanted.length };
}

const noFields = {
  description: '',
  minUpdateVersion: '',
  link: '',
  comment: '',
  checksum: '',
  sessionKey: '',
  keyId: '',
};

/** Takes a zip or a folder and uploads it; says what the server finds wrong with it, naming the entry. */
export function UploadForm({
  appId,
  suggestedVersion = '',
  onDone,
  prepare,
}: {
  readonly appId: string;
  readonly suggestedVersion?: string;
  readonly onDone: (bundle: BundleView) => void;
  /** What must be there before the bundle is. */
  readonly prepare?: () => Promise<unknown>;
}) {
  const queryClient = useQueryClient();
  const [chosen, setChosen] = useState<Chosen>();
  const [version, setVersion] = useState(suggestedVersion);
  const [fields, setFields] = useState(noFields);
  const [share, setShare] = useState(0);
  const cancel = useRef<AbortController>(undefined);
  const folderInput = useRef<HTMLInputElement>(null);

  const choose = useMutation({
    mutationFn: (files: readonly File[]) => chosenOf(files, setShare),
    onMutate: () => setShare(0),
    onSuccess: (found) => {
      setChosen(found);
      const told = found && versionIn(found.name);
      if (told !== undefined && version === suggestedVersion) setVersion(told);
      send.reset();
    },
  });
  const send = useMutation({
    mutationFn: async (what: Chosen) => {
      cancel.current = new AbortController();
      await prepare?.();
      return uploadBundle(
        {
          appId,
          versionName: version.trim(),
          file: what.zip,
          fileName: /\.zip$/i.test(what.name) ? what.name : `${what.name}.zip`,
          ...fields,
        },
        setShare,
        cancel.current.signal,
      );
    },
    onMutate: () => setShare(0),
    onSuccess: (bundle) => {
      void queryClient.invalidateQueries({ queryKey: ['bundles', appId] });
      void queryClient.invalidateQueries({ queryKey: ['apps'] });
      onDone(bundle);
    },
  });
  const set = (name: keyof typeof noFields) => (event: { currentTarget: { value: string } }) => {
    const { value } = event.currentTarget;
    setFields((current) => ({ ...current, [name]: value }));
  };
  const isCancelled = send.error instanceof DOMException;

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen) send.mutate(chosen);
      }}
    >
      <Stack>
        <Dropzone
          onDrop={(files) => choose.mutate(files)}
          multiple
          disabled={send.isPending}
          loading={choose.isPending}
          inputProps={{ 'aria-label': 'A zip or a folder' }}
          aria-label="Drop a zip or a folder here, or choose a zip"
          activateOnClick={false}
          p="lg"
        >
          <Stack align="center" gap={6}>
            {chosen ? (
              <IconFileZip size={32} stroke={1.4} aria-hidden />
            ) : (
              <IconUpload size={32} stroke={1.4} aria-hidden />
            )}
            {chosen ? (
              <Text fw={600} ta="center" data-testid="chosen">
                {chosen.name} · {bytes(chosen.zip.size)}
                {chosen.fileCount !== undefined && ` · ${counted(chosen.fileCount, 'file')}, zipped here`}
              </Text>
            ) : (
              <>
                <Text fw={600} ta="center">
                  Drop a zip or your build folder here
                </Text>
                <Text size="sm" c="dimmed" ta="center">
                  A folder is zipped in your browser. It needs index.html at its root.
                </Text>
              </>
            )}
            <Group gap="xs" mt={4}>
              <FileButton accept=".zip,application/zip" onChange={(file) => file && choose.mutate([file])}>
                {(props) => (
                  <Button {...props} size="xs" variant="default" leftSection={<IconFileZip size={14} />}>
                    Choose a zip
                  </Button>
                )}
              </FileButton>
              <Button
                size="xs"
                variant="default"
                leftSection={<IconFolder size={14} />}
                onClick={() => folderInput.current?.click()}
              >
                Choose a folder
              </Button>
              <input
                ref={(input) => {
                  folderInput.current = input;
                  input?.setAttribute('webkitdirectory', '');
                }}
                type="file"
                multiple
                hidden
                aria-label="Folder"
                onChange={(event) => {
                  choose.mutate([...(event.currentTarget.files ?? [])]);
                  event.currentTarget.value = '';
                }}
              />
            </Group>
          </Stack>
        </Dropzone>
        {choose.error && (
          <Alert color="red" role="alert">
            {choose.error.message}
          </Alert>
        )}
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label="Version"
            description="A semantic version, never used before in this app"
            placeholder="1.0.1"
            required
            value={version}
            onChange={(event) => setVersion(event.currentTarget.value)}
          />
          <TextInput
            label="Description"
            description="For you and your team"
            value={fields.description}
            onChange={set('description')}
          />
        </SimpleGrid>
        <Accordion variant="contained" chevronPosition="left">
          <Accordion.Item value="more">
            <Accordion.Control>
              <Text size="sm">More: minimum native version, what devices are told, encryption</Text>
            </Accordion.Control>
            <Accordion.Panel>
              <Stack>
                <TextInput
                  label="Minimum native version"
                  description="Channels with the policy “version number” withhold the bundle from older apps"
                  value={fields.minUpdateVersion}
                  onChange={set('minUpdateVersion')}
                />
                <TextInput
                  label="Link"
                  description="Devices are told it when the app exposes metadata"
                  type="url"
                  value={fields.link}
                  onChange={set('link')}
                />
                <Textarea
                  label="Comment"
                  autosize
                  minRows={2}
                  value={fields.comment}
                  onChange={set('comment')}
                />
                <TextInput
                  label="Checksum"
                  description="Of an encrypted bundle, as the CLI printed it; else it is compared"
                  value={fields.checksum}
                  onChange={set('checksum')}
                  ff="monospace"
                />
                <TextInput
                  label="Session key"
                  description="Only of an encrypted bundle"
                  value={fields.sessionKey}
                  onChange={set('sessionKey')}
                  ff="monospace"
                />
                <TextInput label="Key id" value={fields.keyId} onChange={set('keyId')} ff="monospace" />
              </Stack>
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        {send.error && (
          <Alert
            color={isCancelled ? 'gray' : 'red'}
            role="alert"
            title={isCancelled ? undefined : 'The server refused this bundle'}
          >
            {send.error.message}
          </Alert>
        )}
        {(send.isPending || choose.isPending) && (
          <Stack gap={4}>
            <Progress value={share * 100} animated aria-label="Progress" />
            <Text size="xs" c="dimmed" role="status">
              {choose.isPending
                ? 'Zipping'
                : share < 1
                  ? `Uploading, ${Math.round(share * 100)} %`
                  : 'The server checks every entry…'}
            </Text>
          </Stack>
        )}
        <Group justify="flex-end">
          {send.isPending && (
            <Button variant="default" onClick={() => cancel.current?.abort()}>
              Cancel
            </Button>
          )}
          <Button
            type="submit"
            leftSection={<IconUpload size={16} />}
            loading={send.isPending}
            disabled={!chosen || version.trim() === ''}
          >
            Upload
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
