// kafkajs against a bought cluster. Reads BOOTSTRAP, RUN and PHASE; see ../README.md.
// It has no zstd codec of its own, and this Node no zstd: the other codecs are checked.
import { createRequire } from 'node:module'
import { check, equal, run, waitMs, waitUntil } from './suite.mjs'

const require = createRequire(import.meta.url)
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require('kafkajs')
const lz4 = require('lz4-napi')
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: (encoder) => lz4.compressFrame(encoder.buffer),
  decompress: (buffer) => lz4.decompressFrame(buffer),
})

const RECORDS = 2_000
// What a phase writes and reads of the topic that lives through restarts.
const WRITTEN = 1_000
const READ = 600
const phase = Number(process.env.PHASE ?? 0)
const nameOf = (short) => `kafkajs-${process.env.RUN ?? 'run'}-${short}`
const kafka = new Kafka({ clientId: 'acceptance', brokers: (process.env.BOOTSTRAP ?? '127.0.0.1:9092').split(','), logLevel: logLevel.NOTHING })

async function withAdmin(body) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await body(admin)
  } finally {
    await admin.disconnect()
  }
}

async function topic(name) {
  const created = await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic: name, numPartitions: 1, replicationFactor: 1 }] }))
  equal('created', created, true)
  return name
}

async function write(name, first, count, compression = CompressionTypes.None, settings = {}) {
  const producer = kafka.producer(settings)
  await producer.connect()
  try {
    const messages = Array.from({ length: count }, (_, i) => ({ key: `key-${first + i}`, value: String(first + i), headers: { index: String(first + i) } }))
    for (let i = 0; i < count; i += 500) await producer.send({ topic: name, acks: -1, compression, messages: messages.slice(i, i + 500) })
  } finally {
    await producer.disconnect()
  }
}

/** Reads `count` records as a member of a group and commits behind them; returns [offset, value]. */
async function read(name, groupId, count) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, heartbeatInterval: 1_000, maxWaitTimeInMs: 100 })
  const seen = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topic: name, fromBeginning: true })
    let enough
    const done = new Promise((resolve) => (enough = resolve))
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        if (seen.length === count) return
        equal('header', String(message.headers.index), String(message.value))
        seen.push([Number(message.offset), Number(message.value)])
        if (seen.length === count) enough()
      },
    })
    let timer
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`got ${seen.length} of ${count}`)), waitMs)))
    await Promise.race([done, late]).finally(() => clearTimeout(timer))
    await consumer.commitOffsets([{ topic: name, partition: 0, offset: String(seen.at(-1)[0] + 1) }])
    return seen
  } finally {
    await consumer.disconnect()
  }
}

const numbered = (count) => Array.from({ length: count }, (_, i) => [i, i])

function codec(label, compression, settings) {
  check(`records travel ${label}`, async () => {
    const name = await topic(nameOf(label.replaceAll(' ', '-')))
    await write(name, 0, RECORDS, compression, settings)
    equal('records', await read(name, name, RECORDS), numbered(RECORDS))
  })
}

if (phase === 0) {
  check('a topic cannot be created twice', async () => {
    const name = await topic(nameOf('twice'))
    equal('second time', await withAdmin((admin) => admin.createTopics({ topics: [{ topic: name }] })), false)
  })
  codec('uncompressed', CompressionTypes.None)
  codec('idempotent', CompressionTypes.None, { idempotent: true, maxInFlightRequests: 1 })
  codec('with gzip', CompressionTypes.GZIP)
  codec('with snappy', CompressionTypes.Snappy)
  codec('with lz4', CompressionTypes.LZ4)
  check('a group goes on where it committed', async () => {
    const name = await topic(nameOf('group'))
    await write(name, 0, 300)
    await read(name, name, 120)
    equal('next', (await read(name, name, 10))[0], [120, 120])
  })
  check('offsets are listed', async () => {
    const name = await topic(nameOf('offsets'))
    await write(name, 0, 70)
    const [offsets] = await withAdmin((admin) => admin.fetchTopicOffsets(name))
    equal('offsets', [offsets.low, offsets.high], ['0', '70'])
  })
}

check('records and commits outlive a restart', async () => {
  const name = nameOf('restart')
  const before = phase * WRITTEN
  if (phase === 0) await topic(name)
  else {
    await waitUntil('cluster answers', () => withAdmin((admin) => admin.listTopics()).catch(() => false))
    equal('all', await read(name, `${name}-all-${phase}`, before), numbered(before))
  }
  await write(name, before, WRITTEN)
  equal('from the committed offset', (await read(name, `${name}-group`, READ))[0], [phase * READ, phase * READ])
})

await run()
