// What a process wrote, from the guest's reply to the caller's sink.
//
// Purpose  grpc.ReadStreamResponse is read where it lies: bytes are copied once, by the sink.
// Threads  Safe.
// Example  grpc::ByteBuffer reply; ... return PutOutput(&reply, max_bytes, sink);
#ifndef SHOJI_AGENT_KATA_OUTPUT_H_
#define SHOJI_AGENT_KATA_OUTPUT_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>

#include "shoji/plugin/base.h"
#include "shoji/status.h"

namespace shoji::agent_kata {

// INTERNAL, and nothing is written, when there are more than `max_bytes` or the reply is torn.
Status PutOutput(grpc::ByteBuffer* reply, std::uint32_t max_bytes, const shoji_sink* sink);

}  // namespace shoji::agent_kata

#endif  // SHOJI_AGENT_KATA_OUTPUT_H_
