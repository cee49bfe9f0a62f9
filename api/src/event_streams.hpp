#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <api/event_routes.hpp>

#include "event_cursor.hpp"

namespace sg::api {

struct EventRoutes::Impl {
    Impl(sql::Database& store, jobs::EventHub& hub, EventRoutesOptions settings, Metrics& metrics);

    sql::Database& database;
    const EventRoutesOptions options;
    EventFeed feed;
    Gauge open_streams;
    Counter overruns;

    /// Counts a stream of an owner as long as it lives.
    class Place {
      public:
        Place(Impl& impl, std::string owner);
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

      private:
        Impl& impl_;
        std::string owner_;
    };
    /// Null when there are too many.
    [[nodiscard]] std::unique_ptr<Place> admit(const std::string& owner);

    /// What a request asks for: its cursor is set up.
    struct Asked {
        std::unique_ptr<EventCursor> cursor;
        EventFilter shown;  ///< of what the cursor gives
        std::unique_ptr<Place> place;
        std::optional<Problem> problem;
    };
    [[nodiscard]] Asked ask(const Call& call);

    [[nodiscard]] server::Task<Reply> serve_all(Call& call);
    [[nodiscard]] server::Task<Reply> serve_job(Call& call);
    [[nodiscard]] server::Task<Reply> serve_websocket(Call& call);

  private:
    [[nodiscard]] server::Task<Reply> send_sse(Call& call,
                                               Asked asked,
                                               bool until_job_ends,
                                               bool job_has_ended);
    [[nodiscard]] server::Task<Reply> send_websocket(Call& call, Asked asked, std::string accept);

    std::mutex mutex_;
    std::size_t streams_ = 0;
    std::map<std::string, std::size_t, std::less<>> per_owner_;
};

/// Asks about once a second whether a stream's credentials still hold.
class StreamPermit {
  public:
    StreamPermit(const EventRoutesOptions& options, const server::Exchange& exchange)
        : options_(options), exchange_(exchange) {}

    [[nodiscard]] bool holds();

  private:
    const EventRoutesOptions& options_;
    const server::Exchange& exchange_;
    std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
};

/// Sends events as SSE until the client leaves, falls behind, or the server stops; of one job also
/// until that has ended.
[[nodiscard]] server::Task<> stream_sse(EventRoutes::Impl& impl,
                                        server::Exchange& exchange,
                                        EventRoutes::Impl::Asked& asked,
                                        bool until_job_ends,
                                        bool job_has_ended);

/// Lets others of the context have their turn.
[[nodiscard]] server::Task<> give_way(server::Exchange& exchange);

/// The same over a WebSocket, whose client may change what it wants.
[[nodiscard]] server::Task<> stream_websocket(EventRoutes::Impl& impl,
                                              server::Exchange& exchange,
                                              EventCursor& cursor);

/// A number of an event, from a client: not negative.
[[nodiscard]] std::optional<std::int64_t> event_number(std::string_view text);

}  // namespace sg::api
