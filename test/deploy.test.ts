import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { variablesIn } from './support/variables.ts';

const root = path.join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

type Yaml = Record<string, never> & { kind: string; metadata: { name: string } };
function documentsOf(file: string): Yaml[] {
  const documents = parseAllDocuments(read(file));
  expect(
    'empty' in documents ? [] : documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
  ).toEqual([]);
  return [...documents].map((document) => document.toJS());
}

const variables = variablesIn(read('.env.example'));
/** Every program that such a file starts is there: `node src/….ts`. */
function expectPrograms(text: string, count: number): void {
  const programs = [...text.matchAll(/\b(src\/\S+?\.ts)\b/g)].map(([, program = '']) => program);
  expect(programs).toHaveLength(count);
  expect(programs.filter((program) => !existsSync(path.join(root, program)))).toEqual([]);
}

const manifests = readdirSync(path.join(root, 'ops/kubernetes')).filter((file) => file.endsWith('.yaml'));
const objects = manifests
  .filter((file) => file !== 'kustomization.yaml')
  .flatMap((file) => documentsOf(`ops/kubernetes/${file}`));
const object = (kind: string, name: string) => {
  const found = objects.find((it) => it.kind === kind && it.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found as unknown as Record<string, Record<string, never>>;
};

test('Kubernetes: the kustomization names every manifest', () => {
  const [kustomization] = documentsOf('ops/kubernetes/kustomization.yaml') as unknown as {
    resources: string[];
  }[];
  expect(kustomization?.resources.toSorted()).toEqual(
    manifests.filter((file) => file !== 'kustomization.yaml'),
  );
});

test('Kubernetes: only variables that the service reads, and none that is a secret in the ConfigMap', () => {
  const names = Object.keys(object('ConfigMap', 'checkout-fulfillment').data ?? {});
  expect(names.filter((name) => !variables.includes(name))).toEqual([]);
  expect(names.filter((name) => /SECRET|TOKEN|_KEY|DATABASE_URL|SMTP_URL/.test(name))).toEqual([]);
});

test('Kubernetes: the secret that the README makes has the name and the variables that are read', () => {
  const readme = read('ops/kubernetes/README.md');
  const [, name] = /create secret generic (\S+)/.exec(readme) ?? [];
  const names = [...readme.matchAll(/--from-literal=(\w+)=/g)].map(([, variable = '']) => variable);
  expect(names.length).toBeGreaterThan(3);
  expect(names.filter((variable) => !variables.includes(variable))).toEqual([]);
  for (const role of ['web', 'worker'])
    expect(JSON.stringify(object('Deployment', role))).toContain(`"secretRef":{"name":"${name}"}`);
  // Of the secret no more than it reads.
  const secrets = JSON.stringify(object('Job', 'migrate')).match(/"secret[^}]*}/g);
  expect(secrets).toEqual([`"secretKeyRef":{"name":"${name}","key":"DATABASE_URL"}`]);
});

test.each([
  ['web', 5],
  ['worker', 0],
])(
  'Kubernetes: %s has its role, its probes, %d s and time to stop, and a disruption budget',
  (role, seconds) => {
    const { template } = object('Deployment', role).spec as unknown as {
      template: { metadata: { labels: object }; spec: Record<string, never> };
    };
    const { containers, terminationGracePeriodSeconds } = template.spec as unknown as {
      containers: Record<string, never>[];
      terminationGracePeriodSeconds: number;
    };
    expect(containers).toMatchObject([
      {
        env: [{ name: 'ROLE', value: role }],
        envFrom: [{ configMapRef: {} }, { secretRef: {} }],
        livenessProbe: { httpGet: { path: '/healthz' } },
        readinessProbe: { httpGet: { path: '/readyz' } },
      },
    ]);
    const pauses = containers.map(({ lifecycle }) => lifecycle);
    expect(pauses).toEqual([seconds > 0 ? { preStop: { sleep: { seconds } } } : undefined]);
    expect(terminationGracePeriodSeconds).toBeGreaterThan(seconds + 10);
    expect(object('PodDisruptionBudget', role).spec).toMatchObject({
      minAvailable: 1,
      selector: { matchLabels: template.metadata.labels },
    });
  },
);

test.each([
  ['Deployment', 'web'],
  ['Deployment', 'worker'],
  ['Job', 'migrate'],
])('Kubernetes: the %s %s may do nothing but what it is there for', (kind, name) => {
  expect(object(kind, name).spec).toMatchObject({
    template: {
      spec: {
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            securityContext: {
              allowPrivilegeEscalation: false,
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'] },
            },
          },
        ],
      },
    },
  });
});

test('what Kubernetes, systemd and Procfile start is there', () => {
  expectPrograms(read('ops/kubernetes/migrate.yaml').replaceAll(/["[\],]/g, ''), 1);
  expectPrograms(read('ops/systemd/checkout-fulfillment@.service'), 1);
  expectPrograms(read('Procfile'), 3);
  expectPrograms(read('Dockerfile').replaceAll(/["[\],]/g, ' '), 1);
});

test('systemd starts it again for as long as it takes, as when the database is away', () => {
  const unit = read('ops/systemd/checkout-fulfillment@.service');
  expect(unit).toMatch(/^Restart=always$/m);
  expect(unit).toMatch(/^StartLimitIntervalSec=0$/m);
});

test('no file of variables takes NODE_ENV from the image, or NODE_ENV and ROLE from the systemd unit', () => {
  expect(read('.env.example')).not.toMatch(/^NODE_ENV=/m);
  const [, command] = /^ExecStart=(.*)$/m.exec(read('ops/systemd/checkout-fulfillment@.service')) ?? [];
  expect(command).toMatch(/^\/usr\/bin\/env NODE_ENV=production ROLE=%i /);
});

test('the service is started alike everywhere: with what keeps its memory small', () => {
  const { start } = JSON.parse(read('package.json')).scripts as { start: string };
  const image = /^CMD (\[.*\])$/m.exec(read('Dockerfile'))?.[1] ?? '[]';
  expect(JSON.parse(image).join(' ')).toBe(start);
  for (const file of [
    'README.md',
    'docs/going-live.md',
    'ops/systemd/checkout-fulfillment@.service',
    'Procfile',
  ])
    expect(read(file)).toContain(start);
});

/** The image and its one published port decide these. */
const OF_THE_CONTAINER = ['NODE_ENV', 'PORT', 'HOST'];
/** These OpenTelemetry's packages read by themselves; of those that .env.example speaks of, what a collector may ask for. */
const OF_THE_EXPORTER = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES'];

test('the compose file: every variable that the service reads, and a database that is waited for', () => {
  const [{ services }] = documentsOf('docker-compose.yml') as unknown as [
    { services: Record<string, { environment?: object; depends_on?: object; healthcheck?: object }> },
  ];
  expect(Object.keys(services.service?.environment ?? {}).toSorted()).toEqual(
    [...variables.filter((name) => !OF_THE_CONTAINER.includes(name)), ...OF_THE_EXPORTER].toSorted(),
  );
  expect(services.service?.depends_on).toMatchObject({ postgres: { condition: 'service_healthy' } });
  expect(services.postgres?.healthcheck).toBeDefined();
});

test('the workflow asks the tools about these files, and runs .ci/run on Node 24 and 26 and on PostgreSQL 15 to 18', () => {
  const [{ jobs }] = documentsOf('.github/workflows/ci.yml') as unknown as [
    { jobs: Record<string, { strategy?: { matrix: object }; steps: { run?: string }[] }> },
  ];
  expect(jobs.versions?.strategy?.matrix).toEqual({ node: [24, 26], postgres: [15, 16, 17, 18] });
  expect(jobs.versions?.steps.filter(({ run }) => run === '.ci/run')).toHaveLength(1);
  expect(jobs.deploy?.steps).toContainEqual({ run: 'ops/verify.sh --all' });
  expect(documentsOf('.github/workflows/release.yml')).toHaveLength(1);
});

test('a release is written by no job that runs the code of dependencies, and by actions that stay what they are', () => {
  const [{ permissions, jobs } = {}] = documentsOf('.github/workflows/release.yml') as unknown as {
    permissions: object;
    jobs: Record<string, { permissions?: object; steps: { run?: string; uses?: string }[] }>;
  }[];
  expect(permissions).toEqual({ contents: 'read' });
  const writing = Object.values(jobs ?? {}).filter((job) => job.permissions !== undefined);
  expect(writing).toHaveLength(1);
  for (const { run = '', uses = `@${'0'.repeat(40)}` } of writing.flatMap(({ steps }) => steps)) {
    expect(run).not.toMatch(/\.ci\/run|npm (ci|install|run|test)|npx/);
    expect(uses).toMatch(/@[0-9a-f]{40}$/);
  }
});
