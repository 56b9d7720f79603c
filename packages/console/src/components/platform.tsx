import { Group, Text } from '@mantine/core';
import { IconBrandAndroid, IconBrandApple, IconDeviceDesktop, IconDevices } from '@tabler/icons-react';

export const platformNames = { ios: 'iOS', android: 'Android', electron: 'Electron' } as const;
const icons = { ios: IconBrandApple, android: IconBrandAndroid, electron: IconDeviceDesktop } as const;

export function platformName(platform: string): string {
  return platform in platformNames ? platformNames[platform as keyof typeof platformNames] : platform;
}

export function PlatformName({ platform }: { readonly platform: string }) {
  const Icon = platform in icons ? icons[platform as keyof typeof icons] : IconDevices;
  return (
    <Group gap={6} wrap="nowrap">
      <Icon size={16} stroke={1.6} aria-hidden />
      <Text span inherit>
        {platformName(platform)}
      </Text>
    </Group>
  );
}
