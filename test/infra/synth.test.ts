import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ofType, ROOT, readTemplate, temporaryFolder } from './support.ts';

/** `list` makes the template as `synth` does, without the bundles. As a shell that never heard of AWS, behind a proxy that leads nowhere. */
function cdk(...args: string[]): SpawnSyncReturns<string> & { out: string } {
  const out = temporaryFolder();
  const env: NodeJS.ProcessEnv = {
    HOME: out,
    PATH: [join(ROOT, 'node_modules', '.bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    HTTP_PROXY: 'http://127.0.0.1:9',
    HTTPS_PROXY: 'http://127.0.0.1:9',
    AWS_EC2_METADATA_DISABLED: 'true',
    // The rules have had their look in the first test.
    ...(args[0] === 'list' ? { CDK_VALIDATION: 'false' } : {}),
  };
  const result = spawnSync('cdk', [...args, '--output', out], { cwd: ROOT, env, encoding: 'utf8', timeout: 170_000 });
  return { ...result, out };
}

// Six bundles take some seconds of a processor, and CI may have less than one.
describe('cdk synth', { timeout: 180_000 }, () => {
  it('needs no argument, no account and no network, and bundles every function', () => {
    const { status, stderr, out } = cdk('synth', '--quiet');

    expect(status, stderr).toBe(0);
    const template = readTemplate(join(out, 'Maestro.template.json'));
    const functions = ofType(template, 'AWS::Lambda::Function');
    const bundles = readdirSync(out).filter((name) => name.startsWith('asset.') && existsSync(join(out, name, 'index.mjs')));
    expect(functions).toHaveLength(6);
    expect(bundles).toHaveLength(6);
    for (const bundle of bundles) expect(readdirSync(join(out, bundle)).sort()).toEqual(['index.mjs', 'index.mjs.map']);
    expect(Object.keys(template.outputs).sort()).toEqual(['ApiUrl', 'FirstKey', 'SecretsPath']);
    expect(JSON.parse(readFileSync(join(out, 'validation-report.json'), 'utf8'))).toMatchObject({ pluginReports: [] });
  });

  it('takes another folder of workflows', () => {
    const { status, stderr, out } = cdk('list', '-c', 'workflows=test/infra/workflows');

    expect(status, stderr).toBe(0);
    expect(ofType(readTemplate(join(out, 'Maestro.template.json')), 'AWS::SSM::Parameter')).toHaveLength(4);
  });

  it('ends with the diagnostics of all invalid files, as `maestro validate` prints them', () => {
    const { status, stderr } = cdk('synth', '--quiet', '-c', 'workflows=test/infra/broken');
    const validated = spawnSync('node', ['bin/maestro.js', 'validate', 'test/infra/broken'], { cwd: ROOT, encoding: 'utf8' });

    const told = validated.stderr.split('\n').filter((line) => / (?:error|warning) MST\d+ /.test(line));

    expect(status).toBe(1);
    expect(told.length).toBeGreaterThan(3);
    for (const line of told) expect(stderr).toContain(line);
    expect(told.join('\n')).toMatch(/MST2301 step "one" runs the workflow "nowhere"/);
  });

  it.each([
    ['maxStreams=many', '-c maxStreams: found "many", expected a whole number'],
    ['allowDeploy=yes', '-c allowDeploy: found "yes", expected true or false'],
  ])('refuses what a setting cannot be: %s', (setting, text) => {
    const { status, stderr } = cdk('synth', '--quiet', '-c', setting);

    expect(status).toBe(1);
    expect(stderr).toContain(text);
  });

  it('works for the app of somebody else that imports the construct', () => {
    const { status, stderr, out } = cdk('list', '--app', 'node examples/cdk-app/app.ts');

    expect(status, stderr).toBe(0);
    const template = readTemplate(join(out, 'Shop.template.json'));
    expect(ofType(template, 'AWS::StepFunctions::StateMachine').map(([, { path }]) => path)).toEqual([
      'Maestro/Workflows/restock/Undo/Machine',
      'Maestro/Workflows/restock/Machine/Machine',
    ]);
    expect(Object.keys(template.outputs)).toContain('MaestroUrl');
  });
});
