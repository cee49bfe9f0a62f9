#include "channel_events.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <jobs/event_log.hpp>
#include <nlohmann/json.hpp>

#include <base/log.hpp>

namespace sg::api {
namespace {

class EventWriter final : public live::ChannelObserver {
  public:
    EventWriter(std::string channel, std::string epoch, sql::Database& database, const Clock& clock)
        : channel_(std::move(channel)),
          epoch_(std::move(epoch)),
          database_(database),
          clock_(clock) {}

    void on_air(std::string_view input) override {
        const bool first = input_.empty();
        if (input == input_) return;
        nlohmann::json data{{"input", input}, {"epoch", epoch_}};
        if (!first) data["before"] = input_;
        input_ = input;
        append(first ? "channel.started" : "channel.switched", data);
    }

    void on_end(bool may_continue) override {
        if (input_.empty()) return;  // nobody has heard of it
        append("channel.ended", {{"epoch", epoch_}, {"may_continue", may_continue}});
    }

  private:
    void append(const char* type, const nlohmann::json& data) {
        jobs::Event event;
        event.time =
            std::chrono::duration_cast<std::chrono::milliseconds>(clock_.wall().time_since_epoch())
                .count();
        event.type = type;
        event.subject = channel_;
        event.data = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
        database_.write([event](sql::Connection& db) { return jobs::append_event(db, event); },
                        [channel = channel_](const Status& status) {
                            if (!status)
                                log::warn("channel_event_lost channel={} error=\"{}\"",
                                          channel,
                                          status.error().message);
                        });
    }

    std::string channel_;
    std::string epoch_;
    sql::Database& database_;
    const Clock& clock_;
    std::string input_;
};

}  // namespace

void log_channel_events(live::Channel& channel, sql::Database& database, const Clock& clock) {
    channel.add_observer(std::make_unique<EventWriter>(
        std::string(channel.name()), channel.epoch(), database, clock));
}

}  // namespace sg::api
