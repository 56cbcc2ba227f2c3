// kafkajs: what it asks of a Kafka cluster. See ../README.md.
// Codecs that it has none of its own for come from packages; each reads back what it wrote.
import { execSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Zstd } from '@hpcc-js/wasm-zstd'
import { check, equal, run, Skip, unique, waitMs, waitUntil } from './suite.mjs'

const require = createRequire(import.meta.url)
const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  logLevel,
  ResourcePatternTypes,
} = require('kafkajs')
const lz4 = require('lz4-napi')
const zstd = await Zstd.load()
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
})

const { env } = process
const RECORDS = Number(env.RECORDS ?? 10_000)
const REPLICATION_FACTOR = Number(env.REPLICATION_FACTOR ?? 1)
// How long the server may take to stop and to be ready again.
const RESTART_MS = 120_000
const TRANSACTION_TIMEOUT_MS = 20_000
const BATCH_RECORDS = 1_000
const CLASSIC = { sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 100 }

const thisRun = unique('conformance')
const nameOf = (short) => `${thisRun}-${short}`
const keyOf = (index) => `key-${index}`
const valueOf = (index) => `value-${index}-${'.'.repeat(80 + (index % 40))}`

const kafka = new Kafka({
  clientId: 'conformance',
  brokers: (env.BOOTSTRAP ?? '127.0.0.1:9092').split(','),
  logLevel: logLevel.NOTHING,
  ssl: env.SSL_CA ? { ca: [readFileSync(env.SSL_CA)] } : undefined,
  sasl: env.SASL_MECHANISM
    ? { mechanism: env.SASL_MECHANISM.toLowerCase(), username: env.SASL_USERNAME, password: env.SASL_PASSWORD }
    : undefined,
})

async function connected(client, body) {
  await client.connect()
  try {
    return await body(client)
  } finally {
    await client.disconnect()
  }
}

const withAdmin = (body) => connected(kafka.admin(), body)

/** Creates a topic and waits until each leader serves it: idempotent producers of this client do not ask again. */
async function topic(short, numPartitions = 1, config = {}) {
  const name = nameOf(short)
  const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  const wanted = { topic: name, numPartitions, replicationFactor: REPLICATION_FACTOR, configEntries }
  await withAdmin(async (admin) => {
    equal('created', await admin.createTopics({ waitForLeaders: true, topics: [wanted] }), true)
    // A broker that has not heard of the topic yet refuses; this client does not ask another one.
    const replicas = async () => (await partitionsOf(admin, name)).map((partition) => partition.replicas.length).join()
    const wantedReplicas = Array(numPartitions).fill(REPLICATION_FACTOR).join()
    await waitUntil(`replicas of ${name}`, async () => (await replicas().catch(() => '')) === wantedReplicas)
    const served = () => admin.fetchTopicOffsets(name).then((offsets) => offsets.length === numPartitions)
    await waitUntil(`leaders of ${name}`, () => served().catch(() => false))
  })
  return name
}

async function partitionsOf(admin, name) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
  return topics[0].partitions
}

async function produce(name, count, sending = {}, settings = {}) {
  await connected(kafka.producer(settings), async (producer) => {
    for (let first = 0; first < count; first += BATCH_RECORDS) {
      const messages = Array.from({ length: Math.min(BATCH_RECORDS, count - first) }, (_, i) => ({
        key: keyOf(first + i),
        value: valueOf(first + i),
        headers: { of: keyOf(first + i) },
      }))
      await producer.send({ topic: name, acks: -1, ...sending, messages })
    }
  })
}

/** Reads so many records as the only member of a group; `also` sees the consumer before it leaves. */
async function consume(name, count, { groupId = unique('reader'), running = {}, also = async () => {}, ...settings } = {}) {
  const seen = []
  await connected(kafka.consumer({ groupId, ...CLASSIC, ...settings }), async (consumer) => {
    await consumer.subscribe({ topic: name, fromBeginning: true })
    const eachMessage = async ({ partition, message }) => {
      if (seen.length < count) seen.push({ ...message, partition })
    }
    await consumer.run({ autoCommit: false, ...running, eachMessage })
    await waitUntil(`${count} records of ${name}`, () => seen.length >= count)
    await also(consumer)
  })
  return seen
}

const committing = (name, offsets) => (consumer) =>
  consumer.commitOffsets(Object.entries(offsets).map(([partition, offset]) => ({ topic: name, partition: Number(partition), offset: String(offset) })))

async function settingOf(name, setting) {
  const { resources } = await withAdmin((admin) =>
    admin.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name }], includeSynonyms: false }),
  )
  return resources[0].configEntries.find((entry) => entry.configName === setting)?.configValue
}

check('a topic is created', () => topic('created', 3))

check('a topic cannot be created twice', async () => {
  const name = await topic('twice')
  equal('second time', await withAdmin((admin) => admin.createTopics({ topics: [{ topic: name }] })), false)
})

function codec(label, compression) {
  check(`records travel ${label}`, async () => {
    const name = await topic(`codec-${compression}`, 3)
    await produce(name, RECORDS, { compression })
    const seen = new Map((await consume(name, RECORDS)).map((message) => [String(message.key), message]))
    equal('distinct keys', seen.size, RECORDS)
    for (let index = 0; index < RECORDS; index += 1) {
      const message = seen.get(keyOf(index))
      equal('value', String(message.value), valueOf(index))
      equal('header', String(message.headers.of), keyOf(index))
    }
  })
}
codec('uncompressed', CompressionTypes.None)
codec('with gzip', CompressionTypes.GZIP)
codec('with snappy', CompressionTypes.Snappy)
codec('with lz4', CompressionTypes.LZ4)
codec('with zstd', CompressionTypes.ZSTD)

check('a group goes on where its offset was set', async () => {
  const name = await topic('resume')
  const groupId = nameOf('resume-group')
  await produce(name, 100)
  await consume(name, 100, { groupId })
  await withAdmin((admin) => admin.setOffsets({ groupId, topic: name, partitions: [{ partition: 0, offset: '60' }] }))
  equal('first offset', (await consume(name, 40, { groupId }))[0].offset, '60')
})

check('offsets are committed by themselves', async () => {
  const name = await topic('auto-commit')
  const groupId = nameOf('auto-commit-group')
  await produce(name, 100)
  await consume(name, 100, { groupId, running: { autoCommit: true, autoCommitThreshold: 10 } })
  const [{ partitions }] = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [name] }))
  equal('committed', partitions.map(({ offset }) => offset), ['100'])
})

check('records and commits outlive a restart', async () => {
  if (!env.RESTART_CMD) throw new Skip('RESTART_CMD is not set')
  const name = await topic('restart', 2)
  const groupId = nameOf('restart-group')
  await produce(name, 1_000)
  const seen = await consume(name, 1_000, {
    groupId,
    also: async (consumer) => {
      const [first, second] = (await withAdmin((admin) => admin.fetchTopicOffsets(name))).sort((a, b) => a.partition - b.partition)
      await committing(name, { 0: first.high, 1: second.high })(consumer)
    },
  })
  equal('read before', seen.length, 1_000)
  execSync(env.RESTART_CMD, { timeout: RESTART_MS })
  await produce(name, 50)
  const after = (await consume(name, 50, { groupId })).map((message) => String(message.key))
  equal('read after the commit', after.sort(), Array.from({ length: 50 }, (_, index) => keyOf(index)).sort())
  equal('read from the beginning', (await consume(name, 1_050)).length, 1_050)
})

check('two members share the partitions', async () => {
  const name = await topic('share', 6)
  const groupId = nameOf('share-group')
  const assigned = {}
  const consumers = []
  const join = async (number) => {
    const consumer = kafka.consumer({ groupId, ...CLASSIC })
    consumers.push(consumer)
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      assigned[number] = payload.memberAssignment[name] ?? []
    })
    await consumer.connect()
    await consumer.subscribe({ topic: name })
    await consumer.run({ eachMessage: async () => {} })
  }
  const sizes = () => [0, 1].map((number) => assigned[number]?.length ?? 0)
  try {
    await join(0)
    await waitUntil('one member has all', () => sizes()[0] === 6)
    await join(1)
    await waitUntil('two members have half each', () => sizes()[0] === 3 && sizes()[1] === 3)
    equal('assigned', [...assigned[0], ...assigned[1]].sort(), [0, 1, 2, 3, 4, 5])
  } finally {
    for (const consumer of consumers) await consumer.disconnect()
  }
})

check('an idempotent producer leaves no gap', async () => {
  const name = await topic('idempotent')
  await produce(name, RECORDS, {}, { idempotent: true, maxInFlightRequests: 1 })
  const places = (await consume(name, RECORDS)).map((message) => `${message.offset} ${message.key}`)
  equal('offsets and keys', places, Array.from({ length: RECORDS }, (_, index) => `${index} ${keyOf(index)}`))
})

check('only committed transactions are seen', async () => {
  const name = await topic('transactions')
  const settings = { transactionalId: nameOf('transactions-id'), idempotent: true, maxInFlightRequests: 1, transactionTimeout: TRANSACTION_TIMEOUT_MS }
  const values = (word) => Array.from({ length: 10 }, (_, index) => `${word}-${index}`)
  await connected(kafka.producer(settings), async (producer) => {
    for (const [word, end] of [['first', 'commit'], ['second', 'abort'], ['third', 'commit']]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic: name, messages: values(word).map((value) => ({ value })) })
      await transaction[end]()
    }
  })
  const seen = (await consume(name, 20)).map((message) => String(message.value))
  equal('values', seen, [...values('first'), ...values('third')])
})

check('offsets are listed', async () => {
  const name = await topic('listed')
  await produce(name, 10)
  const [{ low, high }] = await withAdmin((admin) => admin.fetchTopicOffsets(name))
  equal('offsets', [low, high], ['0', '10'])
})

check('settings of a topic are described', async () => {
  equal('retention.ms', await settingOf(await topic('described', 1, { 'retention.ms': '123456' }), 'retention.ms'), '123456')
})

check('a setting of a topic is altered', async () => {
  const name = await topic('altered')
  const configEntries = [{ name: 'retention.ms', value: '77777' }]
  await withAdmin((admin) => admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries }] }))
  await waitUntil('retention.ms is altered', async () => (await settingOf(name, 'retention.ms')) === '77777')
})

check('a topic gets more partitions', async () => {
  const name = await topic('grows')
  await withAdmin(async (admin) => {
    await admin.createPartitions({ topicPartitions: [{ topic: name, count: 4 }] })
    await waitUntil('four partitions', async () => (await partitionsOf(admin, name)).length === 4)
  })
})

check('records are deleted up to an offset', async () => {
  const name = await topic('shortened')
  await produce(name, 100)
  await withAdmin(async (admin) => {
    // This client deletes only what it knows the leader of.
    await admin.fetchTopicOffsets(name)
    await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: '30' }] })
    const [{ low, high }] = await admin.fetchTopicOffsets(name)
    equal('offsets', [low, high], ['30', '100'])
  })
})

check('a group is listed, described and deleted', async () => {
  const name = await topic('grouped')
  const groupId = nameOf('grouped-group')
  await produce(name, 10)
  await consume(name, 10, { groupId, also: committing(name, { 0: 10 }) })
  await withAdmin(async (admin) => {
    const listed = async () => (await admin.listGroups()).groups.some((group) => group.groupId === groupId)
    equal('listed', await listed(), true)
    const { groups } = await admin.describeGroups([groupId])
    equal('state', groups.map(({ state }) => state), ['Empty'])
    await admin.deleteGroups([groupId])
    equal('listed after deletion', await listed(), false)
  })
})

check('an access rule is made, described and deleted', async () => {
  const resource = { resourceType: AclResourceTypes.TOPIC, resourceName: nameOf('ruled'), resourcePatternType: ResourcePatternTypes.LITERAL }
  const rule = { principal: `User:${nameOf('somebody')}`, host: '*', operation: AclOperationTypes.READ, permissionType: AclPermissionTypes.ALLOW }
  const anyRule = { ...resource, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY }
  await withAdmin(async (admin) => {
    const described = async () => (await admin.describeAcls(anyRule)).resources.flatMap(({ acls }) => acls)
    await admin.createAcls({ acl: [{ ...resource, ...rule }] })
    await waitUntil('the rule is described', async () => (await described()).length === 1)
    equal('rule', { ...(await described())[0] }, rule)
    await admin.deleteAcls({ filters: [anyRule] })
    await waitUntil('the rule is gone', async () => (await described()).length === 0)
  })
})

check('a deleted topic is gone', async () => {
  const name = await topic('deleted')
  await withAdmin(async (admin) => {
    equal('listed', (await admin.listTopics()).includes(name), true)
    await admin.deleteTopics({ topics: [name] })
    await waitUntil('it is gone', async () => !(await admin.listTopics()).includes(name))
  })
})

await run()
