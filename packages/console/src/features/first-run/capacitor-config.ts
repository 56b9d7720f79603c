/** The block for `capacitor.config.json` that points the plugin, all three of its URLs, at a server. */
export function configBlock(appId: string, serverUrl: string): string {
  return JSON.stringify(
    {
      appId,
      plugins: {
        CapacitorUpdater: {
          autoUpdate: true,
          updateUrl: `${serverUrl}/updates`,
          statsUrl: `${serverUrl}/stats`,
          channelUrl: `${serverUrl}/channel_self`,
        },
      },
    },
    null,
    2,
  );
}

const appIdRule = /^[a-z0-9]+(\.[\w-]+)+$/i;

/** Whether it is an app id, as the stores and the plugin want it. */
export function isAppId(text: string): boolean {
  return appIdRule.test(text);
}
