#include "messages.h"

#include <optional>

namespace shoji::shim {

namespace {

enum class Wire : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t value = 0;  // of kVarint
  std::string_view bytes;   // of the others
};

Status Broken() { return DataLoss("the agent's answer is no message"); }

Result<std::uint64_t> TakeVarint(std::string_view* in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(in->front());
    in->remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if (byte < 0x80) return value;
  }
  return Broken();
}

Result<std::string_view> TakeBytes(std::string_view* in, std::uint64_t size) {
  if (size > in->size()) return Broken();
  const std::string_view out = in->substr(0, static_cast<std::size_t>(size));
  in->remove_prefix(out.size());
  return out;
}

Result<Field> TakeField(std::string_view* in) {
  SHOJI_ASSIGN_OR_RETURN(const std::uint64_t tag, TakeVarint(in));
  Field field{tag >> 3U, static_cast<Wire>(tag & 7U), 0, {}};
  if (field.wire == Wire::kVarint) {
    SHOJI_ASSIGN_OR_RETURN(field.value, TakeVarint(in));
    return field;
  }
  std::uint64_t size = 0;
  if (field.wire == Wire::kBytes) {
    SHOJI_ASSIGN_OR_RETURN(size, TakeVarint(in));
  } else if (field.wire == Wire::kFixed64 || field.wire == Wire::kFixed32) {
    size = field.wire == Wire::kFixed64 ? 8 : 4;
  } else {
    return Broken();
  }
  SHOJI_ASSIGN_OR_RETURN(field.bytes, TakeBytes(in, size));
  return field;
}

// The last field 1, as protobuf has it.
Result<std::optional<Field>> First(std::string_view message, Wire wire) {
  std::optional<Field> found;
  while (!message.empty()) {
    SHOJI_ASSIGN_OR_RETURN(const Field field, TakeField(&message));
    if (field.number != 1) continue;
    if (field.wire != wire) return Broken();
    found = field;
  }
  return found;
}

}  // namespace

Message::Message(std::string_view container_id, std::string_view exec_id) {
  Bytes(1, container_id);
  Bytes(2, exec_id);
}

void Message::Varint(std::uint64_t value) {
  while (value >= 0x80) {
    text_ += static_cast<char>((value & 0x7fU) | 0x80U);
    value >>= 7U;
  }
  text_ += static_cast<char>(value);
}

Message& Message::Number(unsigned field, std::uint64_t value) {
  Varint(static_cast<std::uint64_t>(field) << 3U);
  Varint(value);
  return *this;
}

Message& Message::Bytes(unsigned field, std::string_view value) {
  Varint(static_cast<std::uint64_t>(field) << 3U | static_cast<unsigned>(Wire::kBytes));
  Varint(value.size());
  text_ += value;
  return *this;
}

Result<std::uint64_t> FirstNumber(std::string_view message) {
  SHOJI_ASSIGN_OR_RETURN(const std::optional<Field> field, First(message, Wire::kVarint));
  return field ? field->value : 0;
}

Result<std::string_view> FirstBytes(std::string_view message) {
  SHOJI_ASSIGN_OR_RETURN(const std::optional<Field> field, First(message, Wire::kBytes));
  return field ? field->bytes : std::string_view();
}

}  // namespace shoji::shim
