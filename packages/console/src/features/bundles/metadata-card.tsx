import type { BundleView } from '@capgo-server/protocol/management/bundles';
import { Anchor, Button, Card, Group, Modal, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconPencil } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { changeMetadata } from '../../api/bundles.ts';
import { useCan } from '../../api/session.ts';
import { ActionForm } from '../../components/action-form.tsx';
import { Facts } from '../../components/facts.tsx';
import { tellDone } from '../../components/tell.ts';

function Edit({ bundle, onDone }: { readonly bundle: BundleView; readonly onDone: () => void }) {
  const queryClient = useQueryClient();
  const [minUpdateVersion, setMinUpdateVersion] = useState(bundle.min_update_version ?? '');
  const [link, setLink] = useState(bundle.link ?? '');
  const [comment, setComment] = useState(bundle.comment ?? '');
  return (
    <ActionForm
      action="Save"
      run={() =>
        changeMetadata(bundle, {
          min_update_version: minUpdateVersion.trim(),
          link: link.trim(),
          comment: comment.trim(),
        })
      }
      onDone={async () => {
        await queryClient.invalidateQueries({ queryKey: ['bundles', bundle.app_id] });
        tellDone(`What is said of ${bundle.version_name} is saved.`);
        onDone();
      }}
    >
      <TextInput
        label="Minimum native version"
        description="Channels with the policy “version number” withhold the bundle from older apps; empty for none"
        placeholder="1.0.0"
        value={minUpdateVersion}
        onChange={(event) => setMinUpdateVersion(event.currentTarget.value)}
        data-autofocus
      />
      <TextInput
        label="Link"
        description="Devices are told it when the app exposes metadata"
        type="url"
        value={link}
        onChange={(event) => setLink(event.currentTarget.value)}
      />
      <Textarea
        label="Comment"
        autosize
        minRows={2}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
    </ActionForm>
  );
}

/** What is said of a bundle, which may change, as opposed to the bundle. */
export function MetadataCard({ bundle }: { readonly bundle: BundleView }) {
  const can = useCan();
  const [isEditing, editing] = useDisclosure(false);
  return (
    <Card withBorder component="section" aria-label="Metadata">
      <Group justify="space-between" mb="xs">
        <Title order={2}>Metadata</Title>
        {can('bundles.change') && (
          <Button size="xs" variant="default" leftSection={<IconPencil size={14} />} onClick={editing.open}>
            Edit
          </Button>
        )}
      </Group>
      <Facts
        facts={[
          ['Minimum native version', bundle.min_update_version ?? '–'],
          [
            'Link',
            bundle.link === null ? (
              '–'
            ) : (
              <Anchor key="l" href={bundle.link} target="_blank" rel="noreferrer" inherit>
                {bundle.link}
              </Anchor>
            ),
          ],
          [
            'Comment',
            <Text key="c" span inherit style={{ whiteSpace: 'pre-wrap' }}>
              {bundle.comment ?? '–'}
            </Text>,
          ],
        ]}
      />
      <Modal opened={isEditing} onClose={editing.close} title={`Metadata of ${bundle.version_name}`}>
        <Edit bundle={bundle} onDone={editing.close} />
      </Modal>
    </Card>
  );
}
