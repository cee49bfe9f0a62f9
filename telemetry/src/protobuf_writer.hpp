#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace sg::telemetry {

/// Fields of one protocol buffers message (protobuf.dev, "Encoding"). Values that are the default
/// may be left out by the caller.
class ProtobufWriter {
  public:
    void varint(std::uint32_t field, std::uint64_t value) {
        key(field, 0);
        put(value);
    }
    void fixed64(std::uint32_t field, std::uint64_t value) {
        key(field, 1);
        for (int i = 0; i < 8; ++i) out_ += static_cast<char>((value >> (8 * i)) & 0xff);
    }
    void real(std::uint32_t field, double value) {
        fixed64(field, std::bit_cast<std::uint64_t>(value));
    }
    /// Text, bytes, or a message.
    void bytes(std::uint32_t field, std::string_view value) {
        key(field, 2);
        put(value.size());
        out_ += value;
    }
    [[nodiscard]] const std::string& data() const noexcept { return out_; }

  private:
    void key(std::uint32_t field, std::uint32_t type) { put(field << 3 | type); }
    void put(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) out_ += static_cast<char>((value & 0x7f) | 0x80);
        out_ += static_cast<char>(value);
    }

    std::string out_;
};

}  // namespace sg::telemetry
