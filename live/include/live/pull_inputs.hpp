#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <live/channel_registry.hpp>

#include <base/clock.hpp>
#include <base/metric.hpp>
#include <base/result.hpp>

namespace sg::protocols {
class SrtService;
}

namespace sg::live {

struct PullInputsOptions {
    std::size_t http_threads = 64;  ///< inputs pulled by HTTP at a time
    std::string executable = "/proc/self/exe";
    std::vector<std::string> argv{"streamgate", "task"};
};

/// Whether an input can be pulled by this URL at all: kInvalidArgument for one that is wrong,
/// kUnsupported for a protocol that we do not speak. No message holds a secret.
[[nodiscard]] Status check_pull_url(const std::string& url);

/// Gets the inputs that channels pull, from the start of the service on, and again after each loss;
/// makes slates. Destroy it when no io_context runs any more, but before they are destroyed.
class PullInputs {
  public:
    /// `srt` may be null: then there is no pull by SRT.
    PullInputs(ChannelRegistry& registry,
               std::vector<boost::asio::io_context*> homes,
               protocols::SrtService* srt,
               const Clock& clock,
               Metrics& metrics,
               PullInputsOptions options = {});
    ~PullInputs();
    PullInputs(const PullInputs&) = delete;
    PullInputs& operator=(const PullInputs&) = delete;

    /// The channels of the configuration: what is new is pulled, what is gone or other than before
    /// is not any more. One thread at a time.
    void apply(const std::vector<ChannelSettings>& channels);
    /// Leaves all sources, so that channels can end. Any thread.
    void stop();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace sg::live
