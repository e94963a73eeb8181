// Video: a validator, a transcoder, a thumbnailer and a CDN. Files exist until they are deleted.

import { list, Refusal, text } from '../json.ts';
import type { Operation } from '../operation.ts';

/** Pixel rows the transcoder can make. */
const RESOLUTIONS = ['480p', '720p', '1080p', '2160p'];

export const mediaOperations: Operation[] = [
  {
    name: 'ProbeMedia',
    route: 'POST /media/probe',
    run(_world, input) {
      const url = text(input, 'file_url');
      if (!/\.(mp4|mov|mkv)$/.test(url)) throw new Refusal('the file is not a video', 415);
      const name = url.slice(url.lastIndexOf('/') + 1).replace(/\.\w+$/, '');
      return {
        storage_path: `uploads/${name}`,
        duration_sec: 94,
        height: url.includes('small') ? 720 : 1080,
        suggested_timestamps: [4, 31, 77],
      };
    },
  },
  {
    name: 'Transcode',
    route: 'POST /media/transcodes',
    run(world, input) {
      const resolution = text(input, 'resolution');
      if (!RESOLUTIONS.includes(resolution)) throw new Refusal(`no preset for ${resolution}`);
      const path = `${text(input, 'source')}/${resolution}.${text(input, 'codec')}.mp4`;
      world.add('files', { resolution }, path);
      return { path, resolution };
    },
  },
  {
    name: 'DeleteFile',
    route: 'POST /media/files/delete',
    run: (world, input) => ({ deleted: world.remove('files', text(input, 'path')) }),
  },
  {
    name: 'MakeThumbnails',
    route: 'POST /media/thumbnails',
    run(world, input) {
      const source = text(input, 'source');
      const paths = list(input, 'timestamps').map((second) => `${source}/thumb-${second}.jpg`);
      const made = world.add('thumbnails', { paths });
      return { set_id: made.id, paths };
    },
  },
  {
    name: 'DeleteThumbnails',
    route: 'DELETE /media/thumbnails/{set_id}',
    run: (world, input) => ({ deleted: world.remove('thumbnails', text(input, 'set_id')) }),
  },
  {
    name: 'PublishVideo',
    route: 'POST /cdn/videos',
    run(world, input) {
      const renditions = list(input, 'renditions');
      if (renditions.length === 0) throw new Refusal('a video needs at least one rendition');
      const video = world.add('videos', { title: text(input, 'title'), renditions });
      return {
        video_id: video.id,
        playback_url: `https://cdn.example/${video.id}/master.m3u8`,
        poster_url: `https://cdn.example/${video.id}/poster.jpg`,
      };
    },
  },
  {
    name: 'UnpublishVideo',
    route: 'DELETE /cdn/videos/{video_id}',
    run: (world, input) => ({ unpublished: world.remove('videos', text(input, 'video_id')) }),
  },
];
