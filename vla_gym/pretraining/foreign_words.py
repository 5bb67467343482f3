"""Colours and kinds in the languages that are read beside English, to vary sentences with."""

from __future__ import annotations

_COLOURS_OF = {
    "de": """red rot rote roten roter rotes rotem
green grün grüne grünen grüner grünes grünem
blue blau blaue blauen blauer blaues blauem
yellow gelb gelbe gelben gelber gelbes gelbem
black schwarz schwarze schwarzen schwarzer schwarzes schwarzem
white weiß weiße weißen weißer weißes weißem
brown braun braune braunen brauner braunes braunem
grey grau graue grauen grauer graues grauem
purple lila lila lila lila lila lila
orange orange orange orangen oranger oranges orangem""",
    "fr": """red rouge rouge rouges rouges
green vert verte verts vertes
blue bleu bleue bleus bleues
yellow jaune jaune jaunes jaunes
black noir noire noirs noires
white blanc blanche blancs blanches
brown marron marron marron marron
grey gris grise gris grises
purple violet violette violets violettes
pink rose rose roses roses
orange orange orange orange orange""",
    "es": """red rojo roja rojos rojas
green verde verde verdes verdes
blue azul azul azules azules
yellow amarillo amarilla amarillos amarillas
black negro negra negros negras
white blanco blanca blancos blancas
brown marrón marrón marrones marrones
grey gris gris grises grises
purple morado morada morados moradas
pink rosa rosa rosas rosas
orange naranja naranja naranjas naranjas""",
    "it": """red rosso rossa rossi rosse
green verde verde verdi verdi
blue blu blu blu blu
yellow giallo gialla gialli gialle
black nero nera neri nere
white bianco bianca bianchi bianche
brown marrone marrone marroni marroni
grey grigio grigia grigi grigie
purple viola viola viola viola
pink rosa rosa rosa rosa
orange arancione arancione arancioni arancioni""",
    "pt": """red vermelho vermelha vermelhos vermelhas
green verde verde verdes verdes
blue azul azul azuis azuis
yellow amarelo amarela amarelos amarelas
black preto preta pretos pretas
white branco branca brancos brancas
brown castanho castanha castanhos castanhas
grey cinza cinza cinzas cinzas
purple roxo roxa roxos roxas
orange laranja laranja laranjas laranjas""",
    "nl": """red rood rode
green groen groene
blue blauw blauwe
yellow geel gele
black zwart zwarte
white wit witte
brown bruin bruine
grey grijs grijze
purple paars paarse
pink roze roze
orange oranje oranje""",
    "zh": """red 红色 红
green 绿色 绿
blue 蓝色 蓝
yellow 黄色 黄
black 黑色 黑
white 白色 白
brown 棕色 棕
grey 灰色 灰
purple 紫色 紫
pink 粉色 粉
orange 橙色 橙""",
    "ja": """red 赤い 赤色 赤
green 緑の 緑色 緑
blue 青い 青色 青
yellow 黄色い 黄色 黄
black 黒い 黒色 黒
white 白い 白色 白
brown 茶色い 茶色 茶
grey 灰色の 灰色 グレー
purple 紫の 紫色 紫
pink ピンクの ピンク色 ピンク
orange オレンジの オレンジ色 オレンジ""",
}
_KINDS_OF = {
    "de": """cube|Würfel Klotz
ball|Ball
cylinder|Zylinder
cone|Kegel
brick|Ziegel Ziegelstein Backstein
mug|Becher Krug
stone|Stein
star|Stern
mug|Tasse
bottle|Flasche
can|Dose Büchse
puck|Scheibe
ball|Kugel
bowl|Schüssel Schale
box|Kiste Schachtel Box
plate|Teller
tray|Tablett""",
    "fr": """cube|cube bloc
cylinder|cylindre
cone|cône
mug|gobelet
puck|palet disque
stone|caillou galet
ball|balle boule bille
brick|brique
mug|tasse
bottle|bouteille
can|canette
star|étoile
stone|pierre
bowl|bol saladier
tray|plateau
plate|assiette
box|boîte caisse""",
    "es": """cube|cubo bloque dado
cylinder|cilindro
cone|cono
brick|ladrillo
mug|vaso
puck|disco
ball|pelota bola esfera
mug|taza
bottle|botella
can|lata
star|estrella
stone|piedra roca
bowl|cuenco tazón bol
plate|plato
tray|bandeja
box|caja""",
    "it": """cube|cubo blocco dado
cylinder|cilindro
cone|cono
brick|mattone
mug|bicchiere
puck|disco dischetto
stone|sasso
ball|palla pallina sfera
mug|tazza
can|lattina
star|stella
stone|pietra
bottle|bottiglia
bowl|ciotola scodella
plate|piatto
tray|vassoio
box|scatola cassa""",
    "pt": """cube|cubo bloco dado
cylinder|cilindro
cone|cone
brick|tijolo
mug|copo
puck|disco
ball|bola esfera
mug|caneca xícara
bottle|garrafa
can|lata
star|estrela
stone|pedra
bowl|tigela
plate|prato
tray|bandeja
box|caixa""",
    "nl": """cube|kubus blok
ball|bal
cylinder|cilinder
cone|kegel
brick|baksteen
mug|beker mok
bottle|fles
star|ster
stone|steen
puck|schijf puck
bowl|kom schaal
tray|dienblad
box|doos kist""",
    "zh": """cube|立方体 方块 积木
ball|球
cylinder|圆柱
cone|圆锥
brick|砖块
mug|杯子
bottle|瓶子
can|罐子
star|星星
stone|石头
bowl|碗
plate|盘子
tray|托盘
box|箱子 盒子""",
    "ja": """cube|キューブ ブロック 立方体
ball|ボール 玉
cylinder|円柱 円筒
cone|コーン 円錐
brick|レンガ
mug|マグカップ カップ コップ
bottle|ボトル 瓶
can|缶
star|星
stone|石
bowl|ボウル 茶碗
plate|皿
tray|トレイ お盆
box|箱""",
}


def _rows(text: str, between: str | None) -> list[tuple[str, tuple[str, ...]]]:
    rows = (line.split(between, 1) for line in text.split("\n"))
    return [(name, tuple(words.split())) for name, words in rows]


COLOUR_FORMS: dict[str, dict[str, tuple[str, ...]]] = {
    lang: dict(_rows(text, None)) for lang, text in _COLOURS_OF.items()
}
"""Language -> colour -> its forms; the k-th forms of all colours go with the same nouns."""
NOUN_FORMS: dict[str, list[tuple[str, tuple[str, ...]]]] = {
    lang: _rows(text, "|") for lang, text in _KINDS_OF.items()
}
"""Language -> kind and its nouns; a kind with nouns of two genders has two rows."""
UNSPACED = frozenset(("zh", "ja"))
"""Languages written without spaces between words."""
