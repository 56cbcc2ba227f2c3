// What every Node suite shares: its settings, its checks, its closing line. See ../README.md for the contract.
import { isDeepStrictEqual } from 'node:util'
import { randomUUID } from 'node:crypto'

export const endpoint = process.env.ENDPOINT ?? '127.0.0.1:8080'
/** The same over TLS, with the authority that NODE_EXTRA_CA_CERTS names. */
export const endpointTls = process.env.ENDPOINT_TLS ?? '127.0.0.1:8443'
export const accessKeyId = process.env.ACCESS_KEY_ID ?? 'BROKERAGESANDBOX'
export const accessKeySecret = process.env.ACCESS_KEY_SECRET ?? 'brokerage-sandbox-secret'
export const waitMs = Number(process.env.WAIT_SECONDS ?? 60) * 1000

const REASON_CHARS_MAX = 600
const checks = []

/** A check that cannot be made here; its message is the reason. */
export class Skip extends Error {}

/** Registers a check; its name is the sentence that it proves. */
export function check(name, body) {
  checks.push({ name: name.replaceAll(/[ ,]+/g, '_'), body })
}

const namesOf = (variable) => new Set((process.env[variable] ?? '').split(',').filter(Boolean))

/** Runs every check in order and leaves with 1 if any failed. ONLY=a,b chooses some, SKIP=c leaves out. */
export async function run() {
  const only = namesOf('ONLY')
  const leftOut = namesOf('SKIP')
  let passed = 0
  let failed = 0
  let skipped = 0
  for (const { name, body } of checks) {
    if ((only.size && !only.has(name)) || leftOut.has(name)) continue
    const started = performance.now()
    try {
      await body()
      passed += 1
      console.log(`PASS ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
    } catch (error) {
      if (error instanceof Skip) {
        skipped += 1
        console.log(`SKIP ${name}: ${error.message}`)
        continue
      }
      failed += 1
      const reason = error instanceof Error ? `${error.code ?? error.name}: ${error.message}` : JSON.stringify(error)
      console.log(`FAIL ${name}: ${reason.replace(/\s+/g, ' ').slice(0, REASON_CHARS_MAX)}`)
      if (process.env.TRACE) console.log(error)
    }
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exit(failed ? 1 : 0)
}

export const unique = (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`

/** Fails with both values when they differ. */
export function equal(what, got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) {
    throw new Error(`${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`)
  }
}

/** Asks again until the probe answers something true. */
export async function waitUntil(what, probe) {
  const deadline = performance.now() + waitMs
  for (;;) {
    const answer = await probe()
    if (answer) return answer
    if (performance.now() > deadline) throw new Error(`${what}: not within ${waitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The call must reject; returns what it rejected with. */
export async function rejected(call) {
  let answer
  try {
    answer = await call()
  } catch (error) {
    return error
  }
  throw new Error(`accepted with ${JSON.stringify(answer).slice(0, 200)}`)
}
