// Plugin "template" of kind factory.
#include "shoji/plugin/note.h"
#include "shoji/sdk/factory.h"
#include "template.h"

SHOJI_PLUGIN_NOTE(
    SHOJI_NOTE_PLUGIN("factory", "template", "0.1.0", "Shoji", "Apache-2.0")
        SHOJI_NOTE_ABI("1", "1") SHOJI_NOTE_INTERFACE("shoji.factory/1", "2")
            SHOJI_NOTE_INTERFACE("shoji.factory.server/1", "0")
                SHOJI_NOTE_OPTION("dir", "string", "", "",
                                  "Where the templates lie, best a tmpfs; empty: ROOT/template")
                    SHOJI_NOTE_OPTION("max_templates", "int", "4", "",
                                      "Templates that are kept; one that is used stays")
                        SHOJI_NOTE_OPTION("min_free", "size", "64M", "",
                                          "What a template has to leave free where it lies"));

SHOJI_SDK_PLUGIN([](shoji::sdk::Interfaces& interfaces) {
  using shoji::templates::TemplateFactory;
  interfaces.Add(SHOJI_FACTORY_V1, shoji::sdk::FactoryTable<TemplateFactory>());
  interfaces.Add(SHOJI_FACTORY_SERVER_V1, shoji::sdk::FactoryServerTable<TemplateFactory>());
});
