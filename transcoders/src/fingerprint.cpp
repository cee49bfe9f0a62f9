#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include <link.h>

#include <fmt/format.h>

#include <media_av/check.hpp>
#include <transcoders/fingerprint.hpp>

namespace sg::transcoders {
namespace {

/// Libraries whose code decides about bytes.
constexpr std::string_view kLibraries[] = {"libavcodec",
                                           "libavfilter",
                                           "libavutil",
                                           "libswresample",
                                           "libswscale",
                                           "libx264",
                                           "libx265",
                                           "libSvtAv1Enc",
                                           "libvpx",
                                           "libdav1d",
                                           "libzimg",
                                           "libopus",
                                           "libmp3lame"};

constexpr std::size_t padded(std::size_t size) {
    return (size + 3) & ~std::size_t{3};
}

/// The GNU build id among an object's notes, as hex; empty without one.
std::string build_id(std::span<const unsigned char> notes) {
    while (notes.size() >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        std::memcpy(&head, notes.data(), sizeof head);
        const auto name_at = sizeof head;
        const auto data_at = name_at + padded(head.n_namesz);
        const auto end = data_at + padded(head.n_descsz);
        if (end > notes.size()) return "";
        const bool gnu = head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
                         std::memcmp(notes.data() + name_at, "GNU", 4) == 0;
        if (gnu) {
            std::string text;
            for (const auto byte : notes.subspan(data_at, std::min<std::size_t>(head.n_descsz, 8)))
                text += fmt::format("{:02x}", byte);
            return text;
        }
        notes = notes.subspan(end);
    }
    return "";
}

int visit(dl_phdr_info* info, std::size_t, void* list) {
    const std::string_view path = info->dlpi_name != nullptr ? info->dlpi_name : "";
    const auto name = path.substr(path.rfind('/') + 1);
    const bool ours =
        std::any_of(std::begin(kLibraries), std::end(kLibraries), [&](std::string_view library) {
            return name.starts_with(library) && name.substr(library.size()).starts_with(".so");
        });
    if (!ours) return 0;
    std::string id;
    for (int i = 0; i < info->dlpi_phnum && id.empty(); ++i) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type != PT_NOTE) continue;
        const auto* start =
            reinterpret_cast<const unsigned char*>(info->dlpi_addr + header.p_vaddr);
        id = build_id({start, static_cast<std::size_t>(header.p_memsz)});
    }
    static_cast<std::vector<std::string>*>(list)->push_back(fmt::format("{} {}", name, id));
    return 0;
}

std::string compute() {
    std::vector<std::string> parts;
    dl_iterate_phdr(visit, &parts);
    std::sort(parts.begin(), parts.end());
    return fmt::format("streamgate {}; {}; {}; cpu {:x}",
                       SG_VERSION,
                       av::library_versions(),
                       fmt::join(parts, ", "),
                       static_cast<unsigned>(av_get_cpu_flags()));
}

}  // namespace

std::string fingerprint() {
    static const std::string text = compute();
    return text;
}

}  // namespace sg::transcoders
