/** A bare Fastify server in a process of its own, as a node is one: answers every POST with its body. Prints its URL, and ends with its parent's pipe. */
import Fastify from 'fastify'

const server = Fastify()
server.post('/rpc', (request, reply) => reply.send(request.body))
console.log(await server.listen({ port: 0, host: '127.0.0.1' }))
process.stdin.resume().on('end', () => process.exit(0))
