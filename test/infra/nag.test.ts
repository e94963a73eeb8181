import type { Stack } from 'aws-cdk-lib';
import { CfnTable } from 'aws-cdk-lib/aws-dynamodb';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { type Finding, standard, synthesise, withoutFlags, withProps } from './support.ts';

const text = ({ rule, path }: Finding): string => `${path} ${rule}`;

describe('the AwsSolutions pack of cdk-nag', () => {
  it('has no finding that is not acknowledged, with the recommended flags and without any', () => {
    // A finding that is left makes the synth throw.
    expect(standard().suppressed.length).toBeGreaterThan(20);
    expect(withoutFlags().suppressed.length).toBeGreaterThan(20);
  });

  it('finds everything that is acknowledged', () => {
    for (const { acknowledged, suppressed } of [standard(), withoutFlags()]) {
      expect(acknowledged.map(text).sort()).toEqual([...new Set(suppressed.map(text))].sort());
    }
  });

  it('finds everything that is acknowledged when all is set', () => {
    const { acknowledged, suppressed } = synthesise({
      nag: true,
      build: withProps({ accountLogRole: true, maxStreams: 0, allowDeploy: true }),
    });

    expect(acknowledged.map(text).sort()).toEqual([...new Set(suppressed.map(text))].sort());
  });

  it('is at work: a queue without a dead-letter queue fails the synth', () => {
    const build = (stack: Stack) => {
      new Queue(stack, 'Bad', { enforceSSL: true });
      return [];
    };

    expect(() => synthesise({ nag: true, build })).toThrow('AwsSolutions-SQS3');
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

    expect(() => synthesise({ build })).toThrow('CloudFormation-Validate::F3033');
  });
});
