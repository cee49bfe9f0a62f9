#pragma once

#include <filesystem>
#include <string>
#include <thread>

#include <base/unique_fd.hpp>

namespace sg::engine::test {

/// An HTTP/1.1 server on a free port of the loopback, one connection at a time: files of a folder,
/// with ranges.
class SmallServer {
  public:
    enum class Manner {
        kServe,
        kSilent,    ///< takes connections and says nothing
        kEndless,   ///< every object goes on for ever
        kMoved,     ///< manifests below /old/ are redirected to /out/; nothing else is there
        kLoops,     ///< everything is redirected to itself
        kToFile,    ///< everything is redirected to a local file
        kNoRanges,  ///< whole objects, whatever range is asked for
    };

    SmallServer(std::filesystem::path folder, Manner manner);
    ~SmallServer();
    SmallServer(const SmallServer&) = delete;
    SmallServer& operator=(const SmallServer&) = delete;

    [[nodiscard]] std::string url() const;

  private:
    void run(std::stop_token stop);
    void answer(int client, std::stop_token stop) const;

    std::filesystem::path folder_;
    Manner manner_;
    UniqueFd listener_;
    int port_ = 0;
    std::jthread thread_;
};

}  // namespace sg::engine::test
