#include "output.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "shoji/sdk/plugin.h"

namespace shoji::agent_kata {

namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::uint32_t kDataTag =
    WireFormatLite::MakeTag(1, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);

using Pieces = std::vector<std::string_view>;

// The pieces of a field of bytes; false when the reply ends before.
bool Collect(CodedInputStream* in, Pieces* pieces) {
  std::uint32_t left = 0;
  if (!in->ReadVarint32(&left)) return false;
  while (left > 0) {
    const void* data = nullptr;
    int size = 0;
    if (!in->GetDirectBufferPointer(&data, &size) || size <= 0) return false;
    size = static_cast<int>(std::min<std::uint32_t>(static_cast<std::uint32_t>(size), left));
    pieces->emplace_back(static_cast<const char*>(data), static_cast<std::size_t>(size));
    in->Skip(size);
    left -= static_cast<std::uint32_t>(size);
  }
  return true;
}

// The last field 1 counts, as protobuf has it; fields of a later time are skipped.
bool Find(CodedInputStream* in, Pieces* pieces) {
  while (const std::uint32_t tag = in->ReadTag()) {
    if (tag == kDataTag) {
      pieces->clear();
      if (!Collect(in, pieces)) return false;
    } else if (!WireFormatLite::SkipField(in, tag)) {
      return false;
    }
  }
  return in->ConsumedEntireMessage();
}

}  // namespace

Status PutOutput(grpc::ByteBuffer* reply, std::uint32_t max_bytes, const shoji_sink* sink) {
  grpc::ProtoBufferReader reader(reply);
  CodedInputStream in(&reader);
  Pieces pieces;
  if (!Find(&in, &pieces)) return Internal("guest agent: the output of a process came torn");
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  if (total > max_bytes) {
    return Internal("guest agent: it answered a read of " + std::to_string(max_bytes) +
                    " bytes with " + std::to_string(total));
  }
  for (const std::string_view piece : pieces) SHOJI_RETURN_IF_ERROR(sdk::Put(sink, piece));
  return OkStatus();
}

}  // namespace shoji::agent_kata
