// Rows over HTTP with Fastify and pg, a process for each core: node serve_fastify.cjs PORT. The server is named by the PG* variables.

const cluster = require('node:cluster')
const os = require('node:os')

const SESSIONS = 8

const COLUMNS = {
  id: { type: 'integer' },
  name: { type: 'string', maxLength: 255 },
  datetime: { type: 'string', format: 'date-time' },
  department_id: { type: 'integer' },
  job_id: { type: 'integer' }
}
const SCHEMA = {
  body: {
    type: 'array',
    minItems: 1,
    maxItems: 1000,
    items: { type: 'object', properties: COLUMNS, required: Object.keys(COLUMNS) }
  },
  response: { 201: { type: 'object', properties: { inserted: { type: 'integer' } } } }
}
const INSERT = `
  INSERT INTO cards.hired_employees (id, name, datetime, department_id, job_id)
  SELECT * FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::int[], $5::int[])`

if (cluster.isPrimary) {
  for (let core = 0; core < os.availableParallelism(); core++) cluster.fork()
} else {
  const { Pool } = require('pg')
  const pool = new Pool({ max: SESSIONS })
  const app = require('fastify')()
  app.post('/hired_employees', { schema: SCHEMA }, async (request, reply) => {
    const values = Object.keys(COLUMNS).map(name => request.body.map(row => row[name]))
    await pool.query({ name: 'insert', text: INSERT, values })
    return reply.code(201).send({ inserted: request.body.length })
  })
  app.listen({ port: Number(process.argv[2]) })
}
