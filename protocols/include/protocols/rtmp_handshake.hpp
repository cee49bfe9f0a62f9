#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <base/result.hpp>

namespace sg::protocols {

namespace rtmp {
enum class Scheme;
}

/// Both sides of the handshake (RTMP 1.0 section 5.2), without a socket: simple, and with the
/// digests that Flash players and servers put into C1 and S1 when the peer asks for them.
class RtmpHandshake {
  public:
    static constexpr std::size_t kPartSize = 1536;  ///< C1, S1, C2 and S2
    enum class Role { kServer, kClient };

    /// The client's first bytes are in output() at once. `seed` makes the random bytes; a
    /// handshake has no secret.
    RtmpHandshake(Role role, std::uint64_t seed);

    /// Takes what it needs off the front of `input`. An error means that the peer speaks no RTMP.
    [[nodiscard]] Status receive(std::span<const std::byte>& input);
    [[nodiscard]] bool done() const { return state_ == State::kDone; }
    /// To be sent and cleared by the caller.
    [[nodiscard]] std::vector<std::byte>& output() { return output_; }
    /// The peer proved with a digest that it knows the keys.
    [[nodiscard]] bool digest() const { return digest_; }

  private:
    enum class State { kVersion, kFirst, kSecond, kDone };
    using Part = std::array<std::byte, kPartSize>;

    void write_first(std::optional<rtmp::Scheme> scheme);
    void answer_first();

    Role role_;
    State state_ = State::kVersion;
    std::uint64_t random_;
    Part received_{};
    std::size_t filled_ = 0;
    bool digest_ = false;
    std::vector<std::byte> output_;
};

}  // namespace sg::protocols
