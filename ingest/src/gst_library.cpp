#include "gst_library.hpp"

#include <cstdlib>

#include <dlfcn.h>

#include <fmt/format.h>

namespace sg::ingest {
namespace {

constexpr const char* kInstall =
    "install gstreamer1.0-plugins-base, gstreamer1.0-plugins-good and gstreamer1.0-plugins-bad";

struct Loader {
    void* core = ::dlopen("libgstreamer-1.0.so.0", RTLD_NOW | RTLD_GLOBAL);
    void* app = ::dlopen("libgstapp-1.0.so.0", RTLD_NOW | RTLD_GLOBAL);
    const char* missing = nullptr;

    template <class Function>
    void find(Function& function, const char* name) {
        // GObject and GLib come with the core.
        void* address = ::dlsym(app, name);
        if (address == nullptr) address = ::dlsym(core, name);
        if (address == nullptr) missing = name;
        function = reinterpret_cast<Function>(address);
    }
};

Result<GstLibrary> load() {
    Loader loader;
    if (loader.core == nullptr || loader.app == nullptr)
        return Error{Errc::kUnsupported,
                     fmt::format("load GStreamer: it is not installed; {}", kInstall)};
    GstLibrary all;
    loader.find(all.init_check, "gst_init_check");
    loader.find(all.pipeline_new, "gst_pipeline_new");
    loader.find(all.element_factory_make, "gst_element_factory_make");
    loader.find(all.parse_bin_from_description, "gst_parse_bin_from_description");
    loader.find(all.bin_add, "gst_bin_add");
    loader.find(all.bin_get_by_name, "gst_bin_get_by_name");
    loader.find(all.element_set_state, "gst_element_set_state");
    loader.find(all.element_sync_state_with_parent, "gst_element_sync_state_with_parent");
    loader.find(all.element_get_bus, "gst_element_get_bus");
    loader.find(all.element_get_static_pad, "gst_element_get_static_pad");
    loader.find(all.pad_get_current_caps, "gst_pad_get_current_caps");
    loader.find(all.pad_query_caps, "gst_pad_query_caps");
    loader.find(all.pad_link, "gst_pad_link");
    loader.find(all.bus_timed_pop_filtered, "gst_bus_timed_pop_filtered");
    loader.find(all.message_parse_error, "gst_message_parse_error");
    loader.find(all.caps_get_structure, "gst_caps_get_structure");
    loader.find(all.structure_get_name, "gst_structure_get_name");
    loader.find(all.structure_get_string, "gst_structure_get_string");
    loader.find(all.structure_get_value, "gst_structure_get_value");
    loader.find(all.structure_get_int, "gst_structure_get_int");
    loader.find(all.value_array_get_size, "gst_value_array_get_size");
    loader.find(all.value_array_get_value, "gst_value_array_get_value");
    loader.find(all.buffer_map, "gst_buffer_map");
    loader.find(all.buffer_unmap, "gst_buffer_unmap");
    loader.find(all.sample_get_buffer, "gst_sample_get_buffer");
    loader.find(all.sample_get_caps, "gst_sample_get_caps");
    loader.find(all.sample_get_segment, "gst_sample_get_segment");
    loader.find(all.segment_to_running_time, "gst_segment_to_running_time");
    loader.find(all.mini_object_unref, "gst_mini_object_unref");
    loader.find(all.object_unref, "gst_object_unref");
    loader.find(all.app_sink_try_pull_sample, "gst_app_sink_try_pull_sample");
    loader.find(all.app_sink_is_eos, "gst_app_sink_is_eos");
    loader.find(all.object_set, "g_object_set");
    loader.find(all.signal_connect_data, "g_signal_connect_data");
    loader.find(all.value_get_boxed, "g_value_get_boxed");
    loader.find(all.error_free, "g_error_free");
    loader.find(all.free, "g_free");
    if (loader.missing != nullptr)
        return Error{Errc::kUnsupported,
                     fmt::format("load GStreamer: this version has no {}", loader.missing)};
    GError* error = nullptr;
    if (all.init_check(nullptr, nullptr, &error) == FALSE) {
        std::string why = error != nullptr ? error->message : "no reason given";
        if (error != nullptr) all.error_free(error);
        return Error{Errc::kUnsupported, "start GStreamer: " + why};
    }
    return all;
}

}  // namespace

Result<const GstLibrary*> GstLibrary::get() {
    static const auto library = load();
    if (!library) return library.error();
    return &*library;
}

}  // namespace sg::ingest
