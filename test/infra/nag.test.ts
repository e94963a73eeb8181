import type { Stack } from 'aws-cdk-lib';
import { CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { type Finding, type Synthesised, synthesise, withProps } from './support.ts';

const EVERYTHING = { accountLogRole: true, maxStreams: 0, allowDeploy: true };

const text = ({ rule, path }: Finding): string => `${path} ${rule}`;

describe('the AwsSolutions pack of cdk-nag', () => {
  it.each<[string, () => Synthesised]>([
    ['with the recommended flags', () => synthesise({ checked: true })],
    ['without any flag', () => synthesise({ checked: true, flags: {} })],
    ['with all that can be switched on', () => synthesise({ checked: true, build: withProps(EVERYTHING) })],
  ])('finds all that is acknowledged, and nothing else, %s', (_, make) => {
    // A finding that is not acknowledged makes the synth throw.
    const { acknowledged, suppressed } = make();

    expect(suppressed.length).toBeGreaterThan(20);
    expect(acknowledged.map(text).sort()).toEqual([...new Set(suppressed.map(text))].sort());
  });

  it('is at work: a queue without a dead-letter queue fails the synth', () => {
    const build = (stack: Stack) => {
      new Queue(stack, 'Bad', { enforceSSL: true });
      return [];
    };

    expect(() => synthesise({ checked: true, build })).toThrow('AwsSolutions-SQS3');
  });
});

describe('the rules that CDK brings along', () => {
  it('are at work: an index with a name of two letters fails the synth', () => {
    const attribute = { attributeName: 'pk', attributeType: 'S' };
    const keySchema = [{ attributeName: 'pk', keyType: 'HASH' }];
    const build = (stack: Stack) => {
      new CfnTable(stack, 'Bad', {
        attributeDefinitions: [attribute],
        keySchema,
        billingMode: 'PAY_PER_REQUEST',
        globalSecondaryIndexes: [{ indexName: 'ab', keySchema, projection: { projectionType: 'ALL' } }],
      });
      return [];
    };

    expect(() => synthesise({ checked: true, build })).toThrow('CloudFormation-Validate::F3033');
  });
});
