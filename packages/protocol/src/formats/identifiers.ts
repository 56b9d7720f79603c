/** Longest app id we store; it is also a segment of object keys. */
export const appIdMaxLength = 200;

/** Source of the pattern of app ids: reverse-domain, at least two parts, the first without `_` and `-` (protocol §1.5). */
export const appIdPattern = '^[a-zA-Z0-9]+(\\.[a-zA-Z0-9_-]+)+$';
const appIdRule = new RegExp(appIdPattern);

export function isAppId(text: string): boolean {
  return text.length <= appIdMaxLength && appIdRule.test(text);
}

/** Source of the pattern of device ids: the layout of a UUID, any version (protocol §1.5). */
export const deviceIdPattern =
  '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';
const deviceIdRule = new RegExp(deviceIdPattern);

export function isDeviceId(text: string): boolean {
  return deviceIdRule.test(text);
}

/** Source of the pattern of bundle and release ids: 24 hex characters, any letter case. */
export const recordIdPattern = '^[0-9a-fA-F]{24}$';
const recordIdRule = new RegExp(recordIdPattern);

export function isRecordId(text: string): boolean {
  return recordIdRule.test(text);
}

export const platforms = ['ios', 'android', 'electron'] as const;
export type Platform = (typeof platforms)[number];

/** Reads a platform in any letter case, blanks around it ignored. */
export function parsePlatform(text: string): Platform | undefined {
  const lower = text.trim().toLowerCase();
  return platforms.find((platform) => platform === lower);
}
