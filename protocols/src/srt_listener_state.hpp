#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include <base/unique_fd.hpp>
#include <protocols/srt_listener.hpp>

#include "srt_link.hpp"
#include "srt_poller.hpp"
#include "srt_socket.hpp"

namespace sg::protocols {

/// How many connections there are, of all and of each address. Thread-safe.
class SrtSeats {
  public:
    SrtSeats(std::size_t all, std::size_t per_ip) : max_all_(all), max_per_ip_(per_ip) {}

    [[nodiscard]] bool take(const std::string& ip);
    void give_back(const std::string& ip);
    [[nodiscard]] std::size_t taken() const;

  private:
    const std::size_t max_all_;
    const std::size_t max_per_ip_;
    mutable std::mutex mutex_;
    std::map<std::string, std::size_t> by_ip_;
    std::size_t all_ = 0;
};

/// Listens on a UDP socket of its own while nobody is connected, since a listening libsrt wakes a
/// hundred times a second. With the first datagram, which stays in the socket, libsrt takes over.
class SrtListener::State final : public SrtWatcher, public std::enable_shared_from_this<State> {
  public:
    State(std::shared_ptr<SrtPoller> poller,
          SrtListenerSettings settings,
          SrtAdmission admission,
          SrtExecutor executor,
          OnConnection on_connection);

    [[nodiscard]] Status bind();
    void stop();
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] Counters counters() const { return {accepted_, refused_}; }

    void on_ready(int events) override;
    void on_tick(Now now) override;
    void on_shutdown() override;

    /// srt_listen_callback's; on a thread of libsrt.
    [[nodiscard]] bool admit(SRTSOCKET caller,
                             int version,
                             const sockaddr* address,
                             const char* stream_id);

  private:
    struct Admitted {
        SrtStreamId id;
        std::string ip;
        unsigned key_bytes = 0;
        bool encrypted = false;
        Now since;
    };

    void stand_by();
    void take_over();
    [[nodiscard]] Status listen();
    void let_go();
    void take_caller(SRTSOCKET caller, const SrtAddress& peer);
    void expire_admitted(Now now);
    [[nodiscard]] SrtDecision decide(const SrtStreamId& id, const std::string& ip) const;

    const std::shared_ptr<SrtPoller> poller_;
    const SrtListenerSettings settings_;
    const SrtAdmission admission_;
    const SrtExecutor executor_;
    const OnConnection on_connection_;
    const std::shared_ptr<SrtSeats> seats_;
    std::uint16_t port_ = 0;

    // Poll thread.
    UniqueFd udp_;
    SRTSOCKET socket_ = SRT_INVALID_SOCK;
    bool stopped_ = false;
    Now last_use_{};
    Now again_at_{};
    std::string told_;  ///< why it could not listen

    std::mutex mutex_;
    std::unordered_map<SRTSOCKET, Admitted> admitted_;  ///< not accepted yet

    std::atomic<std::uint64_t> accepted_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace sg::protocols
