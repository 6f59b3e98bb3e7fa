import { z } from 'zod';
import { readEnvFile } from './env-file.ts';
import { SetupError } from './errors.ts';
import {
  connectionString,
  oneOf,
  plainAddress,
  sender,
  url,
  urlWithPassword,
  wholeNumber,
} from './shapes.ts';

/** Signs the sandbox's events. Known to everyone, so it is refused in production and beside a live key. */
export const SANDBOX_WEBHOOK_SECRET = 'whsec_c2FuZGJveC1zZWNyZXQtbm90LWZvci1wcm9kdWN0aW9u';

const schema = z.object({
  /**
   * Written otherwise (`prod`, `Production`), production would run without what it asks for, and nobody would know.
   * Quotes too: `docker run --env-file` keeps them.
   */
  NODE_ENV: z
    .string()
    .refine((text) => text === 'production' || !/^["']?prod/i.test(text), 'must be production, written so')
    .optional(),
  /** npm's own: the script that it runs. */
  npm_lifecycle_event: z.string().optional(),
  HOST: z.string().optional(),
  PORT: wholeNumber(0, 65_535).default(4242),
  DATABASE_URL: connectionString.optional(),
  DATABASE_POOL_MAX: wholeNumber(1, 1_000).default(10),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(
      /^(sk|rk)_(live|test)_[\x21-\x7e]+$/,
      'must be a secret or restricted key: sk_live_…, sk_test_…, rk_live_… or rk_test_…',
    )
    .optional(),
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform((list) => list.split(',').map((secret) => secret.trim()))
    .refine(
      (secrets) => secrets.every((secret) => /^[\x21-\x7e]+$/.test(secret)),
      'must be one or more secrets, comma separated, of printable ASCII without spaces',
    )
    .optional(),
  STRIPE_API_BASE: url('http:', 'https:')
    .refine(
      (base) => new URL(base).href === `${new URL(base).origin}/`,
      'must be an origin: no user, path or query',
    )
    .optional(),
  FULFILLMENT_URL: url('http:', 'https:')
    .refine(
      (text) => new URL(text).username + new URL(text).password === '',
      'must hold no user or password: calls are signed instead',
    )
    .optional(),
  FULFILLMENT_SECRET: z
    .string()
    // Groups of four; one character alone at the end is of a key that was cut off, and decoders do not agree on it.
    .regex(/^whsec_([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2,3})?={0,2}$/, 'must be whsec_ followed by base64')
    .optional(),
  FULFILLMENT_TIMEOUT_MS: wholeNumber(1, 25_000).default(10_000),
  FULFILLMENT_CONCURRENCY: wholeNumber(1, 1_000).default(10),
  FULFILLMENT_MAX_ATTEMPTS: wholeNumber(1, 100).default(12),
  SMTP_URL: urlWithPassword('smtp:', 'smtps:').optional(),
  MAIL_FROM: sender.optional(),
  SHOP_NAME: z.string().default('Your shop'),
  SHOP_URL: url('http:', 'https:').optional(),
  ALERT_WEBHOOK_URL: url('http:', 'https:').optional(),
  ALERT_MAIL: z.string().regex(plainAddress, 'must be one mail address').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: url('http:', 'https:').optional(),
  /** OpenTelemetry's names. That a parent decides makes no difference: no trace of ours has one elsewhere. */
  OTEL_TRACES_SAMPLER: oneOf(
    'always_on',
    'always_off',
    'traceidratio',
    'parentbased_always_on',
    'parentbased_always_off',
    'parentbased_traceidratio',
  ).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number('must be a number from 0 to 1').min(0).max(1).default(1),
  OPS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .optional(),
  RETENTION_DAYS: wholeNumber(1, 36_500).default(90),
  ROLE: oneOf('all', 'web', 'worker').default('all'),
  LOG_LEVEL: oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info'),
});

type Environment = z.infer<typeof schema>;
type Fault = readonly [variable: string, fault: string];

/** What no single variable can know: each needs another one. */
function combinedFaults(env: Record<string, string | undefined>): Fault[] {
  const production = env.NODE_ENV === 'production';
  const forReal = production || isLiveKey(env.STRIPE_SECRET_KEY);
  const required = (name: string, where: string): Fault | false =>
    !env[name] && [name, `is required ${where}`];
  const inEarnest = 'in production and with a live key';
  const faults: (Fault | false)[] = [
    production && required('DATABASE_URL', 'in production'),
    production && required('STRIPE_SECRET_KEY', 'in production'),
    forReal && required('STRIPE_WEBHOOK_SECRET', inEarnest),
    forReal &&
      !!env.STRIPE_WEBHOOK_SECRET?.includes(SANDBOX_WEBHOOK_SECRET) && [
        'STRIPE_WEBHOOK_SECRET',
        "must not hold the sandbox's secret, which everyone knows",
      ],
    !!env.FULFILLMENT_URL && required('FULFILLMENT_SECRET', 'with FULFILLMENT_URL'),
    forReal && !!env.SMTP_URL && required('MAIL_FROM', `with SMTP_URL ${inEarnest}`),
    forReal && !!env.ALERT_MAIL && required('SMTP_URL', `with ALERT_MAIL ${inEarnest}`),
  ];
  return [...faults.filter((fault) => fault !== false), ...misspelt(env)];
}

/**
 * FULFILMENT_URL and so on, as the README spells the word, and Stripe does not: paid orders would be recorded as
 * fulfilled, and nobody called. Only these names, since others may begin so: for a service that is called fulfilment,
 * Kubernetes sets FULFILMENT_PORT and the like.
 */
function misspelt(env: Record<string, string | undefined>): Fault[] {
  return Object.keys(schema.shape).flatMap((name) => {
    const british = name.replace('FULFILLMENT', 'FULFILMENT');
    return env[british] && !env[name] ? [[british, `must be spelt ${name}`]] : [];
  });
}

function isLiveKey(key: string | undefined): boolean {
  return /^(sk|rk)_live_/.test(key ?? '');
}

function sampledShare({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: share }: Environment): number {
  if (sampler.endsWith('traceidratio')) return share;
  return sampler.endsWith('always_on') ? 1 : 0;
}

function toConfig(env: Environment) {
  const production = env.NODE_ENV === 'production';
  return {
    production,
    underNpm: env.npm_lifecycle_event !== undefined,
    /** No Stripe key: events are simulated and Stripe's API is the local stand-in. */
    sandbox: env.STRIPE_SECRET_KEY === undefined,
    role: env.ROLE,
    logLevel: env.LOG_LEVEL,
    /** What the service keeps beside its database: the embedded server, mails as files, the sandbox's sessions. */
    dataDir: '.data' as string,
    http: { host: env.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'), port: env.PORT },
    /** `url` null: the embedded server. */
    database: { url: env.DATABASE_URL ?? null, poolMax: env.DATABASE_POOL_MAX },
    stripe: {
      secretKey: env.STRIPE_SECRET_KEY ?? null,
      webhookSecrets: env.STRIPE_WEBHOOK_SECRET ?? [SANDBOX_WEBHOOK_SECRET],
      apiBase: env.STRIPE_API_BASE ?? null,
      livemode: isLiveKey(env.STRIPE_SECRET_KEY),
    },
    fulfillment: {
      endpoint:
        env.FULFILLMENT_URL && env.FULFILLMENT_SECRET
          ? {
              url: env.FULFILLMENT_URL,
              secret: env.FULFILLMENT_SECRET,
              timeoutMs: env.FULFILLMENT_TIMEOUT_MS,
            }
          : null,
      concurrency: env.FULFILLMENT_CONCURRENCY,
      maxAttempts: env.FULFILLMENT_MAX_ATTEMPTS,
    },
    /** `smtpUrl` null: mails become files. */
    mail: {
      smtpUrl: env.SMTP_URL ?? null,
      from: env.MAIL_FROM ?? `"${env.SHOP_NAME.replaceAll(/["\\]/g, '')}" <shop@localhost>`,
    },
    /** Where a person is told that something is wrong. Both null: in the log alone. */
    alerts: { webhookUrl: env.ALERT_WEBHOOK_URL ?? null, mail: env.ALERT_MAIL ?? null },
    /** Null: nobody collects traces. `ratio`: the share that is sampled. */
    tracing: env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? null : { ratio: sampledShare(env) },
    /** Null: whoever calls from this machine, and nobody in production. */
    opsToken: env.OPS_TOKEN ?? null,
    retentionDays: env.RETENTION_DAYS,
    shop: { name: env.SHOP_NAME, url: env.SHOP_URL ?? null },
  } as const;
}

export type Config = ReturnType<typeof toConfig>;

/**
 * Reads the environment (an empty variable counts as unset).
 * @throws {SetupError} one message that names every bad variable, and no value
 */
export function parseConfig(environment: NodeJS.ProcessEnv): Config {
  const env = withoutEmpty(environment);
  return Object.freeze(toConfig(sound(schema.safeParse(env), combinedFaults(env))));
}

/**
 * Also without the blanks around a value: a shell that reads a file of Windows leaves a carriage return there, a Secret
 * made of a file its line feed.
 */
function withoutEmpty(environment: NodeJS.ProcessEnv) {
  const trimmed = Object.entries(environment).map(([name, value]) => [name, value?.trim()] as const);
  return Object.fromEntries(trimmed.filter(([, value]) => value));
}

/** @throws {SetupError} */
function sound<T>({ data, error }: z.ZodSafeParseResult<T>, combined: readonly Fault[] = []): T {
  const faults = error?.issues.map((issue): Fault => [String(issue.path[0]), issue.message]) ?? [];
  if (error || combined.length > 0) throw new SetupError(describe([...faults, ...combined]));
  return data;
}

function describe(faults: readonly Fault[]): string {
  const firstOfEach = faults.filter(
    ([variable], i) => faults.findIndex(([other]) => other === variable) === i,
  );
  const lines = firstOfEach.map(([variable, fault]) => `  ${variable} ${fault}`);
  return ['The configuration is not sound:', ...lines, 'See .env.example for every variable.'].join('\n');
}

/** The process's configuration: its environment, and what `.env` adds to it. */
export function loadConfig(): Config {
  return parseConfig(loadEnvironment());
}

/** In `process.env`, which the exporter of traces reads as well. An empty variable gives way to the file's, as an unset one does. */
function loadEnvironment(): NodeJS.ProcessEnv {
  for (const [name, value] of Object.entries(readEnvFile())) {
    if (!process.env[name]?.trim()) process.env[name] = value;
  }
  return process.env;
}

/** The Stripe account alone, before all that the service wants is there: an endpoint's secret comes after the endpoint. */
export function loadStripeAccount() {
  const picked = schema.pick({ STRIPE_SECRET_KEY: true, STRIPE_API_BASE: true });
  const env = sound(picked.safeParse(withoutEmpty(loadEnvironment())));
  const { STRIPE_SECRET_KEY: secretKey = null, STRIPE_API_BASE: apiBase = null } = env;
  return { secretKey, apiBase };
}

/** What a migration reads, and nothing of the rest: a deployment's job has no use for Stripe's secrets. */
export function loadForMigration(): Pick<Config, 'database' | 'dataDir' | 'logLevel'> {
  const { NODE_ENV, DATABASE_URL, LOG_LEVEL } = loadEnvironment();
  const env = withoutEmpty({ NODE_ENV, DATABASE_URL, LOG_LEVEL });
  const ofDatabase = combinedFaults(env).filter(([variable]) => variable === 'DATABASE_URL');
  return toConfig(sound(schema.safeParse(env), ofDatabase));
}
