import { type TProperties, Type } from 'typebox';
import { appIdMaxLength, appIdPattern, deviceIdPattern, platforms } from '../formats/identifiers.ts';

/** No text that is stored may hold NUL: not every database takes it. */
export const withoutNul = '^[^\\u0000]*$';

/**
 * A text of bounded length; `emptyAllowed` where the plugins send '' for "none". The example is for the documentation
 * that is generated.
 */
export function text(
  maxLength: number,
  description: string,
  example: string,
  options: { emptyAllowed?: boolean } = {},
) {
  return Type.String({
    minLength: options.emptyAllowed === false ? 1 : 0,
    maxLength,
    pattern: withoutNul,
    description,
    examples: [example],
  });
}

export const AppIdField = Type.String({
  maxLength: appIdMaxLength,
  pattern: appIdPattern,
  description: 'The app, by its reverse-domain id',
  examples: ['com.example.app'],
});

export const DeviceIdField = Type.String({
  maxLength: 36,
  pattern: deviceIdPattern,
  description: 'The installation: a UUID of any version',
  examples: ['b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11'],
});

export const PlatformField = Type.Union(
  platforms.map((platform) => Type.Literal(platform)),
  { description: 'The operating system of the device', examples: ['android'] },
);

/** Not validated where an update or a channel is asked for: what cannot be kept is no reason to refuse that. */
export const UncheckedNativeBuildField = Type.Unknown({
  description: 'Its native build number; counts when it is text of at most 255 characters',
  examples: ['42'],
});

/**
 * Fields that every device request may carry, with the same rule everywhere (protocol §1.5). `is_emulator` and
 * `is_prod` have their defaults by the time this is checked.
 */
export const optionalDeviceFields = {
  is_emulator: Type.Boolean({ description: 'Whether it is an emulator or simulator', examples: [false] }),
  is_prod: Type.Boolean({
    description: 'Whether it is a store build, as opposed to a debug one',
    examples: [true],
  }),
  defaultChannel: Type.Optional(
    text(255, 'The channel chosen by the app or its user; "" for none', 'production'),
  ),
  key_id: Type.Optional(text(20, "The first characters of the app's public key", 'abcd1234')),
  install_source: Type.Optional(text(64, 'The store the app came from', 'com.android.vending')),
} satisfies TProperties;
