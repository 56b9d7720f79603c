import type { Db } from 'mongodb';

/** The indexes of what is counted by day, and of lists of devices by what they are counted under. */
export async function up(db: Db): Promise<void> {
  await db.collection('statistics').createIndexes([{ key: { app_id: 1, metric: 1, date: 1 } }]);
  await db
    .collection('check_minutes')
    .createIndexes([{ key: { app_id: 1, minute: 1 } }, { key: { minute: 1 } }]);
  await db.collection('devices').createIndexes([
    { key: { app_id: 1, active_on: 1 } },
    ...['active_bundle', 'active_native', 'active_plugin', 'active_channel'].map((field) => ({
      key: { app_id: 1, [field]: 1, first_seen: -1, device_id: -1 },
    })),
  ]);
}
