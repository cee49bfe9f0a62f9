#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sg::live {

/// What happens when a second publisher comes to a name that has one which still delivers. One that
/// is silent is always replaced.
enum class Conflict { kRefuse, kTakeOver };

struct OutputSettings {
    std::chrono::milliseconds segment{2000};  ///< shortest; it ends at the next key frame
    std::chrono::seconds target{6};           ///< EXT-X-TARGETDURATION; longer GOPs are cut
    /// Longest. A third of a second in whole frames of all usual rates, so that parts divide a
    /// second evenly.
    std::chrono::milliseconds part{360};
    bool low_latency = true;
    bool hls = true;
    bool dash = true;
    bool ts = false;                  ///< also <rendition>/ts.m3u8
    std::chrono::seconds window{60};  ///< listed without DVR
    std::chrono::seconds dvr{0};      ///< 0: none; kept on disk
    bool event = false;               ///< all from the start is listed, on disk
};

struct RecordingSettings {
    bool enabled = false;
    std::chrono::seconds rotate{3600};
};

/// Where a channel is sent on to: rtmp://, rtmps:// or srt://. The URL may hold secrets.
struct RestreamTarget {
    std::string name;  ///< in logs and metrics, instead of the URL
    std::string url;
};

enum class InputKind { kPublish, kPull, kFileLoop, kTestCard };

struct InputSettings {
    InputKind kind = InputKind::kPublish;
    std::string name;  ///< "main", "backup": publishers of a backup use NAME+backup
    std::string url;   ///< of kPull and kFileLoop; may hold secrets
    std::uint64_t max_bandwidth =
        0;                 ///< bits per second of the HLS variant that is pulled; 0: the best
    unsigned program = 0;  ///< of a transport stream but HLS: its number; 0: the first
};

/// Encryption of a channel's SRT publishers; without a passphrase there is none.
struct SrtEncryption {
    std::string passphrase;  ///< 10 to 79 bytes
    unsigned key_bytes = 0;  ///< 16, 24 or 32; 0: as the publisher wants
};

struct SlateSettings {
    bool enabled = false;
    std::string image;              ///< empty: the test card
    std::chrono::seconds limit{0};  ///< a channel with nothing else for so long ends; 0: never
};

/// One channel as configured, by file, API or template.
struct ChannelSettings {
    std::string name;  ///< "live/NAME"
    std::string preset = "passthrough";
    std::vector<InputSettings> inputs{{InputKind::kPublish, "main", {}}};  ///< best first
    OutputSettings output;
    Conflict conflict = Conflict::kRefuse;
    std::chrono::milliseconds grace{15'000};  ///< a stream goes on if its publisher is back by then
    std::chrono::milliseconds silence{1'000};  ///< then a backup, or a new publisher, takes over
    std::chrono::milliseconds stable{10'000};  ///< of a better input before it goes on air again
    std::chrono::seconds keep_ended{300};      ///< an ended stream can still be watched so long
    RecordingSettings recording;
    std::vector<RestreamTarget> restream;
    SlateSettings slate;
    SrtEncryption srt;
};

}  // namespace sg::live
