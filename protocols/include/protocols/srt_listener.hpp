#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <base/result.hpp>
#include <protocols/srt_connection.hpp>
#include <protocols/srt_service.hpp>
#include <protocols/srt_stream_id.hpp>

namespace sg::protocols {

/// What a refused caller is told (SRT_REJX_*, SRT Access Control Guidelines).
enum class SrtReject {
    kBadRequest = 1400,
    kUnauthorized = 1401,
    kOverload = 1402,
    kForbidden = 1403,
    kNotFound = 1404,
    kBadMode = 1405,
    kUnacceptable = 1406,
    kConflict = 1409,
    kInternal = 1500,
    kDown = 1503,
    kVersion = 1505,
};

struct SrtAccept {
    std::string
        passphrase;  ///< 10 to 79 bytes; empty: no encryption, encrypted callers are refused
    unsigned key_bytes = 0;  ///< 16, 24 or 32; 0: as the caller wants. Weaker keys are refused.
    std::optional<std::chrono::milliseconds> latency;  ///< instead of the listener's
};

struct SrtRefusal {
    SrtRefusal(SrtReject what, std::string reason = {})  // NOLINT implicit
        : code(what), why(std::move(reason)) {}

    SrtReject code;   ///< what the caller is told
    std::string why;  ///< for the log
};
using SrtDecision = std::variant<SrtAccept, SrtRefusal>;

/// Decides on a caller. Called on a thread of libsrt: it must answer from memory, at once, and be
/// thread-safe. A slower check comes after accepting, by closing the connection.
using SrtAdmission = std::function<SrtDecision(const SrtStreamId& id, const std::string& ip)>;

struct SrtListenerSettings {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8890;
    std::chrono::milliseconds latency{120};
    std::size_t connections = 500;
    std::size_t connections_per_ip = 100;
    std::chrono::milliseconds idle{10'000};       ///< without data from the caller
    std::size_t receive_buffer_bytes = 4U << 20;  ///< of SRT, for each connection
    std::size_t inbox_bytes = 1U << 20;           ///< received, not yet taken by the owner
    std::size_t outbox_bytes = 4U << 20;
    /// Of one caller, bytes a second on average over some seconds; a faster one is closed. 0: no
    /// limit.
    std::size_t caller_rate = 0;
};

/// Listens from creation to destruction.
class SrtListener {
  public:
    using OnConnection = std::function<void(std::shared_ptr<SrtConnection>)>;

    /// `on_connection` is called on `executor`. kIo when the address cannot be bound.
    [[nodiscard]] static Result<std::unique_ptr<SrtListener>> create(SrtService& service,
                                                                     SrtListenerSettings settings,
                                                                     SrtAdmission admission,
                                                                     SrtExecutor executor,
                                                                     OnConnection on_connection);
    /// Connections stay.
    ~SrtListener();
    SrtListener(const SrtListener&) = delete;
    SrtListener& operator=(const SrtListener&) = delete;

    [[nodiscard]] std::uint16_t port() const;

    struct Counters {
        std::uint64_t accepted = 0;
        std::uint64_t refused = 0;
    };
    [[nodiscard]] Counters counters() const;

    class State;

  private:
    explicit SrtListener(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

}  // namespace sg::protocols
