#pragma once

#include <functional>
#include <map>
#include <string>

#include <base/result.hpp>

namespace sg::live {

/// Who wants to publish what. Holds secrets: never logged.
struct PublishClaim {
    std::string protocol;  ///< "rtmp", "rtmps", "srt"
    std::string name;      ///< of the channel: "live/NAME"
    std::string peer;      ///< address
    std::string user;
    std::map<std::string, std::string>
        arguments;  ///< of the URL's query or the stream id: key, token
};

/// Decides who may publish. Any thread.
class PublishGate {
  public:
    virtual ~PublishGate() = default;
    /// `then` is called once, on any thread, perhaps before this returns. kPermission with a reason
    /// that may be told to the publisher.
    virtual void check(PublishClaim claim, std::function<void(Status)> then) = 0;
    /// What can be decided from memory, for SRT's handshake: kAgain when check() must be asked too.
    [[nodiscard]] virtual Status check_now(const PublishClaim& claim) = 0;
};

}  // namespace sg::live
